// The normal matrix J'J of a network in Khatri-Rao form against syrk of an explicit J.

#include "bench.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/linalg/blas.hpp"
#include "thalweg/model/network.hpp"

namespace thalweg::bench {

Json normal(const std::map<std::string, std::string>& given) {
  const Options options({{"rows", "20000"}, {"inputs", "8"}, {"widths", "32,32"}, {"outputs", "1"}},
                        given);
  const Index rows = options.number("rows"), inputs = options.number("inputs");
  const Network network({.inputs = inputs,
                         .hidden = options.numbers("widths"),
                         .outputs = options.number("outputs"),
                         .activation = Activation::tanh});
  const auto model = network.on(normal_matrix(rows, inputs, "inputs"));
  const auto at_x = model->linearize(network.initial_parameters(1));
  const double m = static_cast<double>(at_x->output_count());
  const double n = static_cast<double>(at_x->parameter_count());
  if (m * n + n * n > 5e8)
    throw RefusedError("an explicit Jacobian of this size needs more than 4 GB",
                       "choose fewer --rows or smaller --widths");
  const Matrix j = at_x->jacobian();
  Matrix h = Matrix::Zero(j.cols(), j.cols());

  MatrixProductRate rate;
  std::vector<double> structured, explicit_j;
  const auto form = [&] { at_x->normal(h); };
  const auto syrk = [&] { linalg::syrk(1, linalg::Op::transpose, j, 0, h); };
  const int repeats = repeats_for(seconds_of(form) + seconds_of(syrk));
  for (int repeat = 0; repeat < repeats; ++repeat) {
    if (repeat % 2 == 0) rate.measure();
    structured.push_back(seconds_of(form));
    explicit_j.push_back(seconds_of(syrk));
  }
  const double seconds = median(structured), syrk_seconds = median(explicit_j);
  return {{"seconds", seconds},
          {"syrk_seconds", syrk_seconds},
          {"speedup", syrk_seconds / seconds},
          {"flops", at_x->normal_flops()},
          {"dgemm_rate", rate.best()},
          {"floor_share", at_x->normal_flops() / rate.best() / seconds},
          {"syrk_floor_share", m * n * (n + 1) / rate.best() / syrk_seconds}};
}

}  // namespace thalweg::bench
