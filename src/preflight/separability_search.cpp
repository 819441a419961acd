#include "preflight/separability_search.hpp"

#include <algorithm>
#include <utility>

namespace thalweg::separability {

void Evidence::offer_separator(const Vector& u, double smallest_margin_of_u) {
  const double length = u.norm();
  if (!(length > 0) || !(smallest_margin_of_u / length > lower)) return;
  lower = smallest_margin_of_u / length;
  separator = u / length;
}

void Evidence::offer_dual(const Vector& c, double norm_of_c) {
  if (!(norm_of_c < upper)) return;
  upper = norm_of_c;
  dual = c;
}

DualAveraging::DualAveraging(const MarginRows& margins, Evidence& evidence)
    : margins_(margins),
      evidence_(evidence),
      w_(Vector::Zero(margins.dimension())),
      momentum_(Vector::Zero(margins.dimension())),
      combination_(Vector::Zero(margins.entries())) {}

double DualAveraging::run(int passes, double relative_gap, double max_flops) {
  double flops = 0;
  for (int k = 0; k < passes && flops < max_flops && !evidence_.meet(relative_gap); ++k) {
    pass();
    flops += 2 * margins_.product_flops();
  }
  return flops;
}

void DualAveraging::pass() {
  // theta = 1 / max |m|^2: rows of one output have norm at most 1, differences of two outputs'
  // rows, orthogonal in a linear model, sqrt(2).
  const double theta = margins_.loss().classes() == 2 ? 1 : 0.5;
  const Vector y = margins_.outputs(w_);
  evidence_.offer_separator(w_, margins_.loss().smallest_margins(y).minCoeff());
  Vector q(margins_.entries());
  margins_.loss().log_exponential(y, q);
  q = -q;  // the gradient is -J' q
  const Vector a = margins_.combine(q);
  const double share = passes_ / (passes_ + 1);
  momentum_ = share * (momentum_ + a);
  combination_ = share * (combination_ + q);
  if (passes_ > 0) evidence_.offer_dual(2 / passes_ * combination_, 2 / passes_ * momentum_.norm());
  w_ += theta * (momentum_ + a);
  passes_ += 1;
}

namespace {

// Numbers in the working set: 256 MB.
constexpr Index most_numbers = Index{1} << 25;

// Margins that may join `held` others in one round.
Index batch_size(Index dimension, Index held) {
  const Index room = most_numbers / dimension - held;
  return std::min(std::clamp(dimension / 2, Index{32}, Index{512}), std::max(room, Index{0}));
}

}  // namespace

WorkingSetSearch::WorkingSetSearch(const MarginRows& margins, Evidence& evidence)
    : margins_(margins),
      evidence_(evidence),
      solver_(margins.dimension()),
      is_held_(static_cast<std::size_t>(margins.entries()), 0) {}

void WorkingSetSearch::run(const Vector& start, double relative_gap, double max_flops) {
  using Status = linalg::MinimumNormPoint::Status;
  constexpr double share_of_gap = 0.1;  // what the working set may leave of the gap
  const double tolerance = share_of_gap * std::min(relative_gap, 1.0);
  Index added = add_smallest(all_margins(start), std::numeric_limits<double>::max());
  while (added > 0 && flops() < max_flops) {
    const Status status = solver_.solve(tolerance, max_flops - flops());
    ++rounds_;
    if (status == Status::origin) {
      for (const Index point : solver_.support())
        evidence_.contradiction.push_back(entries_[static_cast<std::size_t>(point)]);
      evidence_.weights = solver_.weights();
      return;
    }
    const Vector margins = all_margins(solver_.separator());
    measure_bounds(margins);
    if (evidence_.meet(relative_gap) || status != Status::optimal) return;
    added = add_smallest(margins, 1 - tolerance);
  }
}

Vector WorkingSetSearch::all_margins(const Vector& u) {
  product_flops_ += margins_.product_flops();
  return margins_.margins(margins_.outputs(u));
}

Index WorkingSetSearch::add_smallest(const Vector& margins, double below) {
  std::vector<std::pair<double, Index>> smallest;
  for (Index entry = 0; entry < margins.size(); ++entry)
    if (margins[entry] < below && !is_held_[static_cast<std::size_t>(entry)])
      smallest.emplace_back(margins[entry], entry);
  const auto count =
      std::min(smallest.size(), static_cast<std::size_t>(batch_size(margins_.dimension(), held())));
  const auto end = smallest.begin() + static_cast<std::ptrdiff_t>(count);
  std::partial_sort(smallest.begin(), end, smallest.end());
  for (auto it = smallest.begin(); it != end; ++it) {
    solver_.add(margins_.margin_row(it->second));
    entries_.push_back(it->second);
    is_held_[static_cast<std::size_t>(it->second)] = 1;
  }
  return static_cast<Index>(count);
}

void WorkingSetSearch::measure_bounds(const Vector& margins) {
  if (solver_.separator().isZero(0)) return;  // the work ended before the first step
  evidence_.offer_separator(solver_.separator(), margins.minCoeff());
  std::vector<Index> entries;
  for (const Index point : solver_.support())
    entries.push_back(entries_[static_cast<std::size_t>(point)]);
  const Vector c = margins_.output_weights(entries, solver_.weights());
  evidence_.offer_dual(c, margins_.combine(c).norm());
  product_flops_ += margins_.product_flops();
}

}  // namespace thalweg::separability
