#include "thalweg/model/linear_model.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "linear_linearization.hpp"
#include "linear_rows.hpp"
#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

// Calls body(part, first row, end) for every part of the table, one thread each.
template <class Body>
void for_parts(const LinearRows& rows, int parts, Body body) {
#pragma omp parallel for schedule(static, 1) num_threads(parts)
  for (int part = 0; part < parts; ++part)
    body(static_cast<std::size_t>(part), rows.first_row(part, parts),
         rows.first_row(part + 1, parts));
}

template <class Body>
void for_blocks(const LinearRows& rows, Index begin, Index end, Body body) {
  for (Index first = begin; first < end; first += rows.block_rows())
    body(first, std::min(rows.block_rows(), end - first));
}

// The sum over the parts of what `add(part, begin, end, sums)` adds up, as a gradient: each part on
// its own, then in their order.
template <class Add>
void sum_over_parts(const LinearRows& rows, int parts, VectorRef g, Add add) {
  std::vector<LinearForm> sums(static_cast<std::size_t>(parts));
  for_parts(rows, parts, [&](std::size_t part, Index begin, Index end) {
    sums[part] = rows.zero_form();
    add(part, begin, end, sums[part]);
  });
  for (std::size_t part = 1; part < sums.size(); ++part) {
    sums[0].weights += sums[part].weights;
    sums[0].constants += sums[part].constants;
  }
  rows.gradient_of(sums[0], g);
}

// One block of a pass: outputs, loss, and the gradient of the loss in the outputs.
class LossBlock {
 public:
  LossBlock(const LinearRows& rows, const OutputLoss& loss)
      : rows_(rows),
        loss_(loss),
        samples_(static_cast<std::size_t>(rows.block_rows())),
        outputs_(rows.block_rows() * rows.outputs_per_sample()),
        gradient_(outputs_.size()) {}

  double evaluate(Index first, Index count, const LinearForm& w) {
    std::iota(samples_.begin(), samples_.begin() + count, first);
    count_ = count;
    rows_.outputs(first, count, w, outputs());
    if (rows_.outputs_per_sample() > 1) return sum_of(0, count);
    double sum = 0;
    for (Index begin = 0; begin < count; begin += LinearRows::piece_rows) {
      rows_.prefetch(first + count, begin / LinearRows::piece_rows);
      sum += sum_of(begin, std::min(LinearRows::piece_rows, count - begin));
    }
    return sum;
  }

  Eigen::Map<Matrix> outputs() { return {outputs_.data(), count_, rows_.outputs_per_sample()}; }
  Eigen::Map<Matrix> gradient() { return {gradient_.data(), count_, rows_.outputs_per_sample()}; }

 private:
  // Of the losses of some samples of the block: of one output each, or all of them.
  double sum_of(Index begin, Index count) {
    const Index size = count * rows_.outputs_per_sample();
    return loss_.batch_sum(Batch(samples_.data() + begin, static_cast<std::size_t>(count)),
                           outputs_.segment(begin, size), gradient_.segment(begin, size));
  }

  const LinearRows& rows_;
  const OutputLoss& loss_;
  std::vector<Index> samples_;
  Vector outputs_, gradient_;
  Index count_ = 0;
};

void require_fit(const LinearRows& rows, const BatchLoss& loss) {
  if (loss.outputs_per_sample() != rows.outputs_per_sample() || loss.sample_count() != rows.rows())
    throw UsageError("a linear model and its loss disagree on samples or outputs",
                     "give the loss one target per model output");
}

double in_order(const std::vector<double>& sums) {
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

// Sum of the losses and its gradient; `keep` is given the outputs of every block.
template <class Keep>
double loss_pass(const LinearRows& rows, const ConstVectorRef& x, const OutputLoss& loss,
                 VectorRef g, Keep keep) {
  require_fit(rows, loss);
  const LinearForm w = rows.form_of(x);
  const int parts = rows.parts();
  std::vector<double> losses(static_cast<std::size_t>(parts));
  sum_over_parts(rows, parts, g, [&](std::size_t part, Index begin, Index end, LinearForm& sums) {
    LossBlock block(rows, loss);
    for_blocks(rows, begin, end, [&](Index first, Index count) {
      losses[part] += block.evaluate(first, count, w);
      keep(first, block.outputs());
      rows.add_adjoint(first, count, block.gradient(), sums);
    });
  });
  return in_order(losses);
}

}  // namespace

LinearModel::LinearModel(const ConstMatrixRef& inputs, Options options)
    : rows_(dense_rows(inputs, options)) {}

LinearModel::LinearModel(const SparseMatrix& raw, const Vector& mean, const Vector& scale,
                         Options options)
    : rows_(sparse_rows(raw, mean, scale, options)) {}

LinearModel::~LinearModel() = default;

Index LinearModel::parameter_count() const { return rows_->parameter_count(); }
Index LinearModel::outputs_per_sample() const { return rows_->outputs_per_sample(); }
Index LinearModel::output_count() const { return rows_->rows() * rows_->outputs_per_sample(); }
Index LinearModel::inputs() const { return rows_->columns(); }
bool LinearModel::intercept() const { return rows_->intercept(); }
bool LinearModel::sparse() const { return rows_->sparse(); }

void LinearModel::outputs(const ConstVectorRef& x, VectorRef y) const {
  linear_outputs(*rows_, x, y);
}

std::unique_ptr<Linearization> LinearModel::linearize(const ConstVectorRef& x) const {
  return std::make_unique<LinearLinearization>(rows_, x);
}

double LinearModel::forward_flops() const {
  const auto per_sample = static_cast<double>(outputs_per_sample());
  return 2 * per_sample * (rows_->numbers() + static_cast<double>(rows_->rows()));
}

double LinearModel::largest_row_norm() const { return std::sqrt(squared_row_norms().maxCoeff()); }

Vector LinearModel::squared_row_norms() const {
  return rows_->squared_norms().array() + (intercept() ? 1 : 0);
}

double LinearModel::sum_and_gradient(const ConstVectorRef& x, const OutputLoss& loss, VectorRef g,
                                     VectorRef y) const {
  Eigen::Map<Matrix> outputs(y.data(), rows_->rows(), outputs_per_sample());
  return loss_pass(*rows_, x, loss, g, [&](Index first, const auto& block) {
    outputs.middleRows(first, block.rows()) = block;
  });
}

double LinearModel::sum_and_gradient(const ConstVectorRef& x, const OutputLoss& loss,
                                     VectorRef g) const {
  return loss_pass(*rows_, x, loss, g, [](Index, const auto&) {});
}

double LinearModel::sum(const ConstVectorRef& x, const OutputLoss& loss) const {
  require_fit(*rows_, loss);
  const LinearForm w = rows_->form_of(x);
  const int parts = rows_->parts();
  std::vector<double> losses(static_cast<std::size_t>(parts));
  for_parts(*rows_, parts, [&](std::size_t part, Index begin, Index end) {
    LossBlock block(*rows_, loss);
    for_blocks(*rows_, begin, end,
               [&](Index first, Index count) { losses[part] += block.evaluate(first, count, w); });
  });
  return in_order(losses);
}

double LinearModel::batch_sum(const ConstVectorRef& x, Batch batch, const BatchLoss& loss,
                              VectorRef g) const {
  require_fit(*rows_, loss);
  const auto count = static_cast<Index>(batch.size());
  const LinearForm w = rows_->form_of(x);
  Matrix outputs(count, outputs_per_sample()), gradient(count, outputs_per_sample());
  for (Index k = 0; k < count; ++k)
    rows_->outputs(batch[static_cast<std::size_t>(k)], 1, w, outputs.middleRows(k, 1));
  const double sum = loss.batch_sum(batch, Eigen::Map<const Vector>(outputs.data(), outputs.size()),
                                    Eigen::Map<Vector>(gradient.data(), gradient.size()));
  LinearForm sums = rows_->zero_form();
  for (Index k = 0; k < count; ++k)
    rows_->add_adjoint(batch[static_cast<std::size_t>(k)], 1, gradient.middleRows(k, 1), sums);
  rows_->gradient_of(sums, g);
  return sum;
}

void LinearModel::weighted_normal_product(const ConstVectorRef& h, const ConstVectorRef& v,
                                          VectorRef product) const {
  if (outputs_per_sample() != 1)
    throw UsageError("weighted_normal_product is for one output per sample");
  const LinearForm w = rows_->form_of(v);
  sum_over_parts(*rows_, rows_->parts(), product,
                 [&](std::size_t, Index begin, Index end, LinearForm& sums) {
                   Matrix z(rows_->block_rows(), 1);
                   for_blocks(*rows_, begin, end, [&](Index first, Index count) {
                     auto block = z.topRows(count);
                     rows_->outputs(first, count, w, block);
                     block.array() *= h.segment(first, count).array();
                     rows_->add_adjoint(first, count, block, sums);
                   });
                 });
}

Vector LinearModel::weighted_squares(const ConstMatrixRef& h) const {
  Vector squares(parameter_count());
  const Index weights = inputs() * outputs_per_sample();
  Eigen::Map<Matrix>(squares.data(), inputs(), outputs_per_sample()) = rows_->weighted_squares(h);
  if (intercept()) squares.tail(squares.size() - weights) = h.colwise().sum();
  return squares;
}

// ---------------------------------------------------------------------------------------------
// Linearization

void linear_outputs(const LinearRows& rows, const ConstVectorRef& x, VectorRef y) {
  const LinearForm w = rows.form_of(x);
  Eigen::Map<Matrix> outputs(y.data(), rows.rows(), rows.outputs_per_sample());
  for_parts(rows, rows.parts(), [&](std::size_t, Index begin, Index end) {
    for_blocks(rows, begin, end, [&](Index first, Index count) {
      rows.outputs(first, count, w, outputs.middleRows(first, count));
    });
  });
}

void linear_adjoint(const LinearRows& rows, const ConstVectorRef& u, VectorRef g) {
  const Eigen::Map<const Matrix> weights(u.data(), rows.rows(), rows.outputs_per_sample());
  sum_over_parts(rows, rows.parts(), g, [&](std::size_t, Index begin, Index end, LinearForm& sums) {
    for_blocks(rows, begin, end, [&](Index first, Index count) {
      rows.add_adjoint(first, count, weights.middleRows(first, count), sums);
    });
  });
}

}  // namespace thalweg
