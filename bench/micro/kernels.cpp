// Micro-benchmarks of the kernels, with Google Benchmark: for those who change a kernel. The cases
// that compare with other work, side by side, are those of thalweg-bench.

#include <benchmark/benchmark.h>

#include "bench.hpp"
#include "thalweg/data/table.hpp"
#include "thalweg/linalg/blas.hpp"
#include "thalweg/linalg/symmetric_solve.hpp"
#include "thalweg/model/network.hpp"

namespace {

using namespace thalweg;

void product(benchmark::State& state) {
  const Index n = state.range(0);
  const Matrix a = bench::normal_matrix(n, n, "a"), b = bench::normal_matrix(n, n, "b");
  Matrix c = Matrix::Zero(n, n);
  for ([[maybe_unused]] auto _ : state)
    linalg::gemm(1, linalg::Op::none, a, linalg::Op::transpose, b, 0, c);
  state.counters["flops"] = benchmark::Counter(2.0 * static_cast<double>(n * n * n),
                                               benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(product)->Arg(64)->Arg(256)->Arg(1024);

void cholesky(benchmark::State& state) {
  const Index n = state.range(0);
  const Matrix a = bench::normal_matrix(n, n, "a");
  Matrix k = Matrix::Zero(n, n);
  linalg::syrk(1, linalg::Op::none, a, 0, k);
  for ([[maybe_unused]] auto _ : state) {
    const linalg::CholeskyFactor factor(k, 1.0);
    benchmark::DoNotOptimize(factor.ok());
  }
}
BENCHMARK(cholesky)->Arg(64)->Arg(256)->Arg(1024);

void activation(benchmark::State& state) {
  const auto which = static_cast<Activation>(state.range(0));
  const Matrix z = bench::normal_matrix(4096, 1, "z");
  Matrix a(4096, 1), derivative(4096, 1);
  for ([[maybe_unused]] auto _ : state)
    activate(which, z.data(), a.data(), derivative.data(), z.size());
  state.SetItemsProcessed(state.iterations() * z.size());
  state.SetLabel(to_string(which));
}
BENCHMARK(activation)->DenseRange(0, 4);

void gram(benchmark::State& state) {
  const Index rows = state.range(0), width = state.range(1);
  const Network network({.inputs = 8, .hidden = {width, width}, .outputs = 1});
  const auto model = network.on(bench::normal_matrix(rows, 8, "inputs"));
  const auto at_x = model->linearize(network.initial_parameters(1));
  Matrix k = Matrix::Zero(rows, rows);
  for ([[maybe_unused]] auto _ : state) at_x->gram(k);
}
BENCHMARK(gram)->Args({200, 64})->Args({1000, 64})->Args({1000, 512});

void read_table(benchmark::State& state) {
  std::string text = "a,b,c,d\n";
  for (int i = 0; i < 20000; ++i) text += "0.125,-3.1415926535,1e-3,42\n";
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(parse_csv(text, "memory").rows());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(read_table);

}  // namespace

BENCHMARK_MAIN();
