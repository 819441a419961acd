// The built-in problems with saddles.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "built_in.hpp"
#include "thalweg/model/matrix_completion.hpp"
#include "thalweg/model/matrix_factorization.hpp"
#include "thalweg/model/saddle_chain.hpp"
#include "thalweg/model/strict_saddle.hpp"
#include "thalweg/model/symmetric_network.hpp"
#include "thalweg/model/tensor_decomposition.hpp"
#include "thalweg/session/session.hpp"

namespace thalweg::cli {
namespace {

constexpr Index strict_saddle_dimension = 100'000;
constexpr double strict_saddle_curvature = 0.1;
constexpr Index factorization_size = 20, factorization_rank = 3;

// Vectors that a run holds at once, of the size of the parameters.
constexpr double vectors_of_a_run = 20;

void refuse_large_dimension(const Settings& settings, Index dimension) {
  refuse_large(settings, vectors_of_a_run * sizeof(double) * static_cast<double>(dimension),
               fmt::format("a problem of {} parameters", dimension), "take a smaller --dimension");
}

// --rank, else the default as far as it fits.
Index rank_for(const Settings& settings, Index size, Index otherwise) {
  const auto rank = settings.built_in.rank;
  if (rank && *rank > size)
    throw UsageError(fmt::format("--rank must be at most the size, {}, got {}", size, *rank),
                     "take a smaller --rank");
  return rank.value_or(std::min(otherwise, size));
}

// M, its mirror image and eigenvalues, the residual, and what a product holds.
void refuse_large_matrix(const Settings& settings, Index size) {
  constexpr double matrices = 6;
  const auto d = static_cast<double>(size);
  refuse_large(settings, matrices * sizeof(double) * d * d,
               fmt::format("a matrix of {} by {}", size, size), "take a smaller --size");
}

// The first cell that differs from its mirror image.
void require_symmetric(const Table& table, const Matrix& m) {
  constexpr double tolerance = 1e-12;
  const double largest = m.cwiseAbs().maxCoeff();
  for (Index i = 0; i < m.rows(); ++i)
    for (Index j = 0; j < i; ++j)
      if (std::abs(m(i, j) - m(j, i)) > tolerance * largest)
        throw DataError(
            fmt::format("{} differs from {} in the cell across the diagonal", m(i, j), m(j, i)),
            table.where(table.file_rows[static_cast<std::size_t>(i)], j),
            "give a symmetric matrix, such as the mean of it and its transpose");
}

Matrix symmetric_matrix(const Table& table) {
  if (table.is_numbered())
    throw DataError("matrix-factorization reads CSV", table.source, "give the matrix as CSV");
  Matrix m = finite_numbers(table, "give a matrix of finite numbers");
  if (m.rows() != m.cols())
    throw DataError(fmt::format("the matrix has {} rows and {} columns", m.rows(), m.cols()),
                    table.source, "give a square matrix; the first line may be a header");
  require_symmetric(table, m);
  return m;
}

}  // namespace

Problem make_quartic_saddle(const Settings&, const Source&) {
  auto objective =
      std::make_shared<StrictSaddleObjective>(StrictSaddleObjective::Options{.dimension = 2});
  Vector start = objective->start();
  return with_objective(std::move(objective), std::move(start));
}

Problem make_strict_saddle(const Settings& settings, const Source&) {
  const Index n = settings.built_in.dimension.value_or(strict_saddle_dimension);
  refuse_large_dimension(settings, n);
  auto objective = std::make_shared<StrictSaddleObjective>(
      StrictSaddleObjective::Options{.dimension = n, .least_curvature = strict_saddle_curvature});
  Vector start = objective->start();
  return with_objective(std::move(objective), std::move(start));
}

Problem make_saddle_chain(const Settings& settings, const Source&) {
  SaddleChainObjective::Options options;
  options.dimension = settings.built_in.dimension.value_or(options.dimension);
  refuse_large_dimension(settings, options.dimension);
  auto objective = std::make_shared<SaddleChainObjective>(options);
  Vector start = objective->start(settings.seed);
  return with_objective(std::move(objective), std::move(start));
}

Problem make_matrix_factorization(const Settings& settings, const Source& source) {
  Matrix m;
  Index rank = 0;
  if (settings.data.empty()) {
    const Index size = settings.built_in.size.value_or(factorization_size);
    rank = rank_for(settings, size, factorization_rank);
    refuse_large_matrix(settings, size);
    m = factorization_matrix(size, rank, settings.seed);
  } else {
    m = symmetric_matrix(parse_source(source, settings.csv));
    rank = rank_for(settings, m.rows(), factorization_rank);
    refuse_large_matrix(settings, m.rows());
  }
  const auto d = static_cast<double>(m.rows());
  auto objective = std::make_shared<MatrixFactorizationObjective>(std::move(m), rank);
  Vector start = objective->start(settings.seed, settings.built_in.start_scale);
  Problem problem = with_objective(std::move(objective), std::move(start));
  problem.size.gradient_flops = 4 * d * d * static_cast<double>(rank);
  return problem;
}

Problem make_matrix_completion(const Settings& settings, const Source&) {
  MatrixCompletionOptions options;
  options.size = settings.built_in.size.value_or(options.size);
  options.rank = rank_for(settings, options.size, options.rank);
  options.seed = settings.seed;
  options.samples = settings.built_in.samples;
  const auto d = static_cast<double>(options.size), r = static_cast<double>(options.rank);
  const double pairs = d * (d - 1) / 2;
  if (options.samples && static_cast<double>(*options.samples) > pairs)
    throw UsageError(fmt::format("--samples must be at most {:.0f}, the pairs of {} rows, got {}",
                                 pairs, options.size, *options.samples),
                     "take fewer --samples or a larger --size");
  constexpr double entry_bytes = sizeof(MatrixCompletionObjective::Entry);
  refuse_large(
      settings,
      (2 * entry_bytes + sizeof(Index)) * (pairs + d) + vectors_of_a_run * sizeof(double) * d * r,
      fmt::format("a matrix of {} by {}", options.size, options.size), "take a smaller --size");
  const MatrixCompletion made = matrix_completion(options);
  Problem problem = with_objective(
      made.objective, made.objective->start(settings.seed, settings.built_in.start_scale));
  problem.size.gradient_flops = 4 * made.objective->observed_share() * d * d * r;
  return problem;
}

Problem make_tensor_decomposition(const Settings& settings, const Source&) {
  TensorDecompositionObjective::Options options;
  options.size = settings.built_in.size.value_or(options.size);
  options.rank = rank_for(settings, options.size, options.rank);
  options.seed = settings.seed;
  const auto d = static_cast<double>(options.size), r = static_cast<double>(options.rank);
  refuse_large(settings, sizeof(double) * (vectors_of_a_run * d * r + 6 * r * r),
               fmt::format("{} components of size {}", options.rank, options.size),
               "take a smaller --size or --rank");
  auto objective = std::make_shared<TensorDecompositionObjective>(options);
  const double scale = settings.built_in.start_scale;
  Vector start =
      scale == 0 ? Vector::Zero(objective->dimension()) : Vector(scale * objective->start());
  Problem problem = with_objective(std::move(objective), std::move(start));
  problem.size.gradient_flops = 8 * d * r * r;
  return problem;
}

Problem make_symmetric_network(const Settings& settings, const Source&) {
  const BuiltInSettings& given = settings.built_in;
  SymmetricNetworkOptions options;
  options.samples = given.samples.value_or(options.samples);
  options.inputs = given.dimension.value_or(options.inputs);
  options.hidden = given.size.value_or(options.hidden);
  options.seed = settings.seed;
  const auto rows = static_cast<double>(options.samples), d = static_cast<double>(options.inputs),
             h = static_cast<double>(options.hidden);
  refuse_large(settings, sizeof(double) * (2 * rows * (d + h) + vectors_of_a_run * h * (d + 2)),
               fmt::format("a network of {} units on {} samples of {} inputs", options.hidden,
                           options.samples, options.inputs),
               "take fewer --samples, or a smaller --dimension or --size");
  SymmetricNetwork made = symmetric_network(options);
  const double flops = 3 * made.objective->model().forward_flops();
  Problem problem = with_objective(std::move(made.objective), std::move(made.start));
  problem.size.inputs = options.inputs;
  problem.size.hidden = {options.hidden};
  problem.size.gradient_flops = flops;
  return problem;
}

}  // namespace thalweg::cli
