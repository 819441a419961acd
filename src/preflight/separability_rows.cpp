#include "preflight/separability_rows.hpp"

#include <algorithm>
#include <limits>

#include "thalweg/linalg/minimum_norm_point.hpp"

namespace thalweg::separability {

MarginRows::MarginRows(const Linearization& rows, const MarginLoss& loss)
    : rows_(rows), loss_(loss), samples_(loss.sample_count()), norms_(rows.row_norms()) {
  finite_ = norms_.allFinite();
  row_norm_ = finite_ ? norms_.maxCoeff() : std::numeric_limits<double>::infinity();
}

double MarginRows::margin_row_norm(Index entry) const {
  if (loss_.classes() == 2) return output_row_norm(entry);
  const Index i = sample(entry);
  return output_row_norm(entry) + output_row_norm(loss_.label(i) * samples_ + i);
}

Vector MarginRows::outputs(const ConstVectorRef& u) const {
  Vector y(entries());
  rows_.apply(u, y);
  return y / row_norm_;
}

Vector MarginRows::margins(const ConstVectorRef& y) const {
  Vector margins(entries());
  for (Index i = 0; i < samples_; ++i) {
    if (loss_.classes() == 2) {
      margins[i] = loss_.sign(i) * y[i];
      continue;
    }
    const double own = y[loss_.label(i) * samples_ + i];
    for (int q = 0; q < loss_.classes(); ++q) margins[q * samples_ + i] = own - y[q * samples_ + i];
    margins[loss_.label(i) * samples_ + i] = std::numeric_limits<double>::infinity();
  }
  return margins;
}

Vector MarginRows::combine(const ConstVectorRef& c) const {
  Vector g(dimension());
  rows_.apply_adjoint(c, g);
  return g / row_norm_;
}

Vector MarginRows::output_weights(const std::vector<Index>& entries,
                                  const ConstVectorRef& weights) const {
  Vector c = Vector::Zero(this->entries());
  for (std::size_t j = 0; j < entries.size(); ++j) {
    const Index entry = entries[j], i = sample(entry);
    const double weight = weights[static_cast<Index>(j)];
    if (loss_.classes() == 2) {
      c[entry] += loss_.sign(i) * weight;
      continue;
    }
    c[loss_.label(i) * samples_ + i] += weight;
    c[entry] -= weight;
  }
  return c;
}

Vector MarginRows::margin_row(Index entry) const {
  const Index i = sample(entry);
  Matrix row(dimension(), 1);
  rows_.rows(entry, 1, row);
  if (loss_.classes() == 2) return loss_.sign(i) * row.col(0) / row_norm_;
  Matrix own(dimension(), 1);
  rows_.rows(loss_.label(i) * samples_ + i, 1, own);
  return (own.col(0) - row.col(0)) / row_norm_;
}

Matrix MarginRows::sample_rows(Index sample) const {
  const Index per_sample = loss_.outputs_per_sample();
  Matrix rows(dimension(), per_sample);
  for (Index q = 0; q < per_sample; ++q) rows_.rows(q * samples_ + sample, 1, rows.col(q));
  return rows;
}

MarginRows::Measured MarginRows::measure(const ConstVectorRef& u) const {
  const Vector all = margins(rows_.rows_times(u) / row_norm_);
  const double rounding = linalg::product_rounding(dimension()) * u.norm();
  Measured measured{std::numeric_limits<double>::infinity(), true};
  for (Index entry = 0; entry < entries(); ++entry) {
    if (!is_margin(entry)) continue;
    measured.smallest = std::min(measured.smallest, all[entry]);
    if (!(all[entry] > rounding * margin_row_norm(entry))) measured.above_rounding = false;
  }
  return measured;
}

double MarginRows::product_flops() const { return rows_.apply_flops(); }

}  // namespace thalweg::separability
