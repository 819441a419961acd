#include "thalweg/model/matrix_completion.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"

namespace thalweg {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Entry = MatrixCompletionObjective::Entry;

constexpr double start_deviation = 0.01;

Eigen::Map<const RowMajor> factor(const ConstVectorRef& x, Index rows) {
  return {x.data(), rows, x.size() / rows};
}

Eigen::Map<RowMajor> factor(VectorRef x, Index rows) { return {x.data(), rows, x.size() / rows}; }

// How often an entry stands in the symmetric matrix.
double multiplicity(const Entry& entry) { return entry.row == entry.column ? 1 : 2; }

// product += E V / p for E_ij = E_ji = residual.
template <class In, class Out>
void add_product(const Entry& entry, double residual, const In& v, Out& product) {
  product.row(entry.row) += residual * v.row(entry.column);
  if (entry.row != entry.column) product.row(entry.column) += residual * v.row(entry.row);
}

}  // namespace

class MatrixCompletionObjective::Curvature final : public Hessian {
 public:
  Curvature(const MatrixCompletionObjective& problem, const ConstVectorRef& x)
      : problem_(problem), u_(factor(x, problem.size_)) {}
  void apply(const ConstVectorRef& v, VectorRef hv) const override {
    const auto direction = factor(v, problem_.size_);
    auto product = factor(hv, problem_.size_);
    product.setZero();
    for (const Entry& entry : problem_.entries_) {
      const Index i = entry.row, j = entry.column;
      const double residual = u_.row(i).dot(u_.row(j)) - entry.value;
      const double change = direction.row(i).dot(u_.row(j)) + u_.row(i).dot(direction.row(j));
      add_product(entry, residual / problem_.share_, direction, product);
      add_product(entry, change / problem_.share_, u_, product);
    }
  }

 private:
  const MatrixCompletionObjective& problem_;
  RowMajor u_;
};

MatrixCompletionObjective::MatrixCompletionObjective(Index size, Index rank,
                                                     std::vector<Entry> entries)
    : size_(size), rank_(rank), entries_(std::move(entries)) {
  OptionChecker check("matrix completion");
  check.require(size >= 1, "size", "be at least 1", static_cast<double>(size));
  check.require(rank >= 1 && rank <= size, "rank", "lie between 1 and size",
                static_cast<double>(rank));
  check.require(!entries_.empty(), "at least one entry must be observed");
  bool inside = true, finite = true;
  for (Entry& entry : entries_) {
    if (entry.row > entry.column) std::swap(entry.row, entry.column);
    inside = inside && entry.row >= 0 && entry.column < size;
    finite = finite && std::isfinite(entry.value);
  }
  check.require(inside, "entries must lie in the matrix");
  check.require(finite, "entries must be finite");
  const auto place = [](const Entry& e) { return std::tuple(e.row, e.column); };
  std::ranges::sort(entries_, {}, place);
  check.require(std::ranges::adjacent_find(entries_, {}, place) == entries_.end(),
                "an entry and its mirror image must be given once");
  check.throw_if_any();
  double observed = 0;
  for (const Entry& entry : entries_) observed += multiplicity(entry);
  share_ = observed / (static_cast<double>(size) * static_cast<double>(size));
}

double MatrixCompletionObjective::value(const ConstVectorRef& x) const {
  const auto u = factor(x, size_);
  double sum = 0;
  for (const Entry& entry : entries_) {
    const double residual = u.row(entry.row).dot(u.row(entry.column)) - entry.value;
    sum += multiplicity(entry) * residual * residual;
  }
  return sum / (4 * share_);
}

double MatrixCompletionObjective::add_sample(const Entry& entry, const ConstVectorRef& x,
                                             double scale, VectorRef g) const {
  const auto u = factor(x, size_);
  auto gradient = factor(g, size_);
  const double residual = u.row(entry.row).dot(u.row(entry.column)) - entry.value;
  add_product(entry, scale * residual / share_, u, gradient);
  return multiplicity(entry) * residual * residual;
}

double MatrixCompletionObjective::value_and_gradient(const ConstVectorRef& x, VectorRef g) const {
  g.setZero();
  double sum = 0;
  for (const Entry& entry : entries_) sum += add_sample(entry, x, 1, g);
  return sum / (4 * share_);
}

// f is the mean over the N samples of N times their terms.
double MatrixCompletionObjective::value_and_gradient(const ConstVectorRef& x, Batch batch,
                                                     VectorRef g) const {
  const double scale = static_cast<double>(entries_.size()) / static_cast<double>(batch.size());
  g.setZero();
  double sum = 0;
  for (const Index k : batch) sum += add_sample(entries_[static_cast<std::size_t>(k)], x, scale, g);
  return scale * sum / (4 * share_);
}

std::unique_ptr<Hessian> MatrixCompletionObjective::hessian(const ConstVectorRef& x) const {
  return std::make_unique<Curvature>(*this, x);
}

CurvatureBound MatrixCompletionObjective::curvature_bound() const {
  Vector diagonal = Vector::Zero(size_), sums = Vector::Zero(size_), counts = Vector::Zero(size_);
  Index on_diagonal = 0;
  for (const Entry& entry : entries_) {
    if (entry.row != entry.column) continue;
    diagonal[entry.row] = std::max(0.0, entry.value);
    ++on_diagonal;
  }
  if (on_diagonal < size_) return {};
  const auto add = [&](Index from, Index to) {
    sums[to] += diagonal[from];
    ++counts[to];
  };
  for (const Entry& entry : entries_) {
    add(entry.row, entry.column);
    if (entry.row != entry.column) add(entry.column, entry.row);
  }
  const double largest = sums.maxCoeff(), k = counts.maxCoeff(), p = share_;
  const auto rows = [=](double gap) { return largest + 2 * std::sqrt(k * p * gap); };  // c
  return CurvatureBound::self_bounding(
      [=](double gap) { return (2 * rows(gap) + 2 * std::sqrt(p * gap)) / p; },
      [=](double gap) { return 6 * std::sqrt(rows(gap)) / p; });
}

std::string MatrixCompletionObjective::description() const {
  return fmt::format("completion of a matrix of size {} with rank {} from {:.3g} % of its entries",
                     size_, rank_, 100 * share_);
}

Vector MatrixCompletionObjective::start(std::uint64_t seed, double scale) const {
  if (scale == 0) return Vector::Zero(dimension());
  double sum = 0, count = 0;
  for (const Entry& entry : entries_) {
    if (entry.row != entry.column) continue;
    sum += std::max(0.0, entry.value);
    ++count;
  }
  const double mean = sum > 0 ? sum / count : 1;
  RandomStream random(seed, "matrix-completion start");
  return scale * start_deviation * std::sqrt(mean / static_cast<double>(rank_)) *
         random.normal_vector(dimension());
}

void MatrixCompletionOptions::validate() const {
  OptionChecker check("matrix completion");
  check.require(size >= 1, "size", "be at least 1", static_cast<double>(size));
  check.require(rank >= 1 && rank <= size, "rank", "lie between 1 and size",
                static_cast<double>(rank));
  if (samples)
    check.require(*samples >= 0 && 2 * *samples <= size * (size - 1), "samples",
                  "lie between 0 and size (size - 1) / 2", static_cast<double>(*samples));
  check.throw_if_any();
}

MatrixCompletion matrix_completion(const MatrixCompletionOptions& options) {
  options.validate();
  const Index d = options.size, pairs = d * (d - 1) / 2;
  RandomStream random(options.seed, "matrix-completion");
  MatrixCompletion made;
  made.truth = random.normal_vector(d * options.rank) / std::sqrt(static_cast<double>(d));
  const auto u = factor(ConstVectorRef(made.truth), d);
  std::vector<Index> drawn = random.permutation(pairs);
  drawn.resize(static_cast<std::size_t>(options.samples.value_or(pairs / 2)));
  std::ranges::sort(drawn);
  std::vector<Entry> entries;
  const auto observe = [&](Index i, Index j) { entries.push_back({i, j, u.row(i).dot(u.row(j))}); };
  for (Index i = 0; i < d; ++i) observe(i, i);
  Index row = 0, before = 0;  // pairs of the rows above
  for (const Index pair : drawn) {
    while (pair >= before + d - 1 - row) before += d - 1 - row++;
    observe(row, row + 1 + pair - before);
  }
  made.objective = std::make_shared<MatrixCompletionObjective>(d, options.rank, std::move(entries));
  return made;
}

}  // namespace thalweg
