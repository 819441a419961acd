#include "thalweg/run/plateau.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

namespace thalweg {
namespace {

constexpr std::int64_t still_records = 20, noisy_records = 40;
constexpr double still_share = 0.1;                               // of the steps so far
constexpr double still_tolerance = 1e-3, drift_tolerance = 0.02;  // of the gap
constexpr double swinging = 4;          // total variation over range: 1 where values go one way
constexpr double nothing_left = 1e-20;  // of the gap at the start
constexpr Index most_blocks = 128;

// Rows of the matrix of blocks.
enum Field : Index { first, count, mean, squares, smallest, largest, variation, fields };

using Block = Eigen::Matrix<double, fields, 1>;

// Count, mean and sum of squared deviations of both (Chan, Golub & LeVeque, 1979).
Block joined(const Block& a, const Block& b) {
  Block all;
  const double n = a[count] + b[count], difference = b[mean] - a[mean];
  all[first] = a[first];
  all[count] = n;
  all[mean] = a[mean] + difference * b[count] / n;
  all[squares] = a[squares] + b[squares] + difference * difference * a[count] * b[count] / n;
  all[variation] = a[variation] + b[variation];
  all[smallest] = std::min(a[smallest], b[smallest]);
  all[largest] = std::max(a[largest], b[largest]);
  return all;
}

double gap_above(double value, double lower_bound, double start_value) {
  if (std::isfinite(lower_bound)) return std::max(value - lower_bound, 0.0);
  return std::max(std::abs(value), std::abs(start_value - value));
}

// Optional numbers are stored as NaN.
constexpr double absent = std::numeric_limits<double>::quiet_NaN();
std::optional<double> optional_of(double value) {
  return std::isnan(value) ? std::nullopt : std::optional(value);
}

constexpr Index plateau_numbers = 10;
Vector numbers_of(const Plateau& p) {
  Vector numbers(plateau_numbers);
  numbers << static_cast<double>(p.first_step), static_cast<double>(p.last_step), p.left ? 1 : 0,
      p.noisy ? 1 : 0, p.value, p.deviation, static_cast<double>(p.seen),
      p.first_step_norm.value_or(absent), p.last_step_norm.value_or(absent),
      p.stepsize.value_or(absent);
  return numbers;
}
Plateau plateau_of(const Vector& numbers) {
  if (numbers.size() != plateau_numbers) return {};
  return {.first_step = static_cast<std::int64_t>(numbers[0]),
          .last_step = static_cast<std::int64_t>(numbers[1]),
          .left = numbers[2] != 0,
          .noisy = numbers[3] != 0,
          .value = numbers[4],
          .deviation = numbers[5],
          .seen = static_cast<std::int64_t>(numbers[6]),
          .first_step_norm = optional_of(numbers[7]),
          .last_step_norm = optional_of(numbers[8]),
          .stepsize = optional_of(numbers[9])};
}

void visit_plateau(StateVisitor& visitor, const std::string& name,
                   std::optional<Plateau>& plateau) {
  bool present = plateau.has_value();
  visitor.field(name + "_present", present);
  Vector numbers = plateau ? numbers_of(*plateau) : Vector::Zero(plateau_numbers);
  visitor.field(name, numbers);
  plateau = present ? std::optional(plateau_of(numbers)) : std::nullopt;
}

// Forgets the shortest beyond so many.
template <class Items, class Length>
void keep_longest(Items& items, std::size_t most, Length length) {
  if (items.size() <= most) return;
  items.erase(std::ranges::min_element(items, {}, length));
}

// A plateau found again reaches back over what was left of it.
template <class Items, class Projection>
void forget_inside(Items& items, std::int64_t first_step, Projection plateau) {
  std::erase_if(
      items, [&](const auto& item) { return std::invoke(plateau, item).last_step >= first_step; });
}

}  // namespace

PlateauDetector::PlateauDetector(double lower_bound)
    : lower_bound_(lower_bound), blocks_(Matrix::Zero(fields, most_blocks)) {}

double PlateauDetector::gap(double value) const {
  return gap_above(value, lower_bound_, start_value_);
}

// Whether a block was completed.
bool PlateauDetector::append(const StepRecord& record) {
  if (records_++ == 0) start_value_ = record.value;
  const bool full = blocks_used_ > 0 &&
                    static_cast<std::int64_t>(blocks_(count, blocks_used_ - 1)) >= block_records_;
  if (full && blocks_used_ == most_blocks) {
    for (Index k = 0; k < most_blocks / 2; ++k)
      blocks_.col(k) = joined(blocks_.col(2 * k), blocks_.col(2 * k + 1));
    blocks_used_ = most_blocks / 2;
    block_records_ *= 2;
  }
  Block one;
  one << static_cast<double>(record.iteration), 1, record.value, 0, record.value, record.value,
      records_ > 1 ? std::abs(record.value - last_value_) : 0;
  last_value_ = record.value;
  if (blocks_used_ == 0 || full) {
    blocks_.col(blocks_used_++) = one;
  } else {
    blocks_.col(blocks_used_ - 1) = joined(blocks_.col(blocks_used_ - 1), one);
  }
  return static_cast<std::int64_t>(blocks_(count, blocks_used_ - 1)) >= block_records_;
}

// The shortest stretch of blocks, the last one included, of so many records and that share of the
// steps.
std::optional<PlateauDetector::Stretch> PlateauDetector::last_stretch(std::int64_t records,
                                                                      double share) const {
  const auto steps = static_cast<double>(last_step_);
  Block all = blocks_.col(blocks_used_ - 1);
  for (Index k = blocks_used_ - 2;; --k) {
    if (all[count] >= static_cast<double>(records) && steps - all[first] >= share * steps)
      return Stretch{.first_block = k + 1,
                     .records = static_cast<std::int64_t>(all[count]),
                     .mean = all[mean],
                     .deviation = std::sqrt(all[squares] / std::max(all[count] - 1, 1.0)),
                     .largest = all[largest],
                     .smallest = all[smallest]};
    if (k < 0) return std::nullopt;
    all = joined(blocks_.col(k), all);
  }
}

// Whether the values of a stretch swing about a level that stays.
bool PlateauDetector::stays(const Stretch& stretch, const Swing& allowed) const {
  const Index blocks = blocks_used_ - stretch.first_block, half = blocks / 2;
  if (half < 1) return false;
  const auto part = [&](Index begin, Index size) {
    Block all = blocks_.col(begin);
    for (Index k = 1; k < size; ++k) all = joined(all, blocks_.col(begin + k));
    return all;
  };
  const Block a = part(stretch.first_block, half);
  const Block b = part(stretch.first_block + half, blocks - half);
  const auto variance_of_mean = [](const Block& p) {
    return p[squares] / std::max(p[count] - 1, 1.0) / p[count];
  };
  const double level = gap(stretch.mean), drift = std::abs(a[mean] - b[mean]);
  const double error = std::sqrt(variance_of_mean(a) + variance_of_mean(b));
  const bool swings =
      a[variation] + b[variation] >= swinging * (stretch.largest - stretch.smallest);
  return drift <= std::max(drift_tolerance * level, allowed.errors * error) &&
         error <= allowed.error * level && swings;
}

std::optional<PlateauDetector::Stretch> PlateauDetector::find() const {
  const auto still = last_stretch(still_records, still_share);
  if (!still) return std::nullopt;
  const double left = gap(still->mean);
  const bool bounded = std::isfinite(lower_bound_);
  if (bounded && left <= nothing_left * gap(start_value_)) return std::nullopt;
  if (still->largest - still->smallest <= still_tolerance * left) return still;
  const std::vector<Swing> first = {{0.25, 0.02, 0}, {0.5, 0.05, 0}};
  // It takes more to leave one than chance.
  const std::vector<Swing> again = {{0.25, 0.02, 2}, {0.5, 0.05, 1.5}};
  for (const Swing& allowed : open_ ? again : first) {
    auto stretch = last_stretch(noisy_records, allowed.share);
    if (!stretch || !stays(*stretch, allowed)) continue;
    stretch->noisy = true;
    return stretch;
  }
  return std::nullopt;
}

// The first step of the blocks before that stand at the same level.
std::int64_t PlateauDetector::begin_of(const Stretch& stretch) const {
  Index block = stretch.first_block;
  const double level = gap(stretch.mean);
  double low = stretch.smallest, high = stretch.largest;
  for (; block > 0; --block) {
    const Block before = blocks_.col(block - 1);
    if (stretch.noisy) {
      const double allowed =
          drift_tolerance * level + 2 * stretch.deviation / std::sqrt(before[count]);
      if (std::abs(before[mean] - stretch.mean) > allowed) break;
    } else {
      low = std::min(low, before[smallest]);
      high = std::max(high, before[largest]);
      if (high - low > still_tolerance * level) break;
    }
  }
  return static_cast<std::int64_t>(blocks_(first, block));
}

void PlateauDetector::update(const Stretch& stretch, const StepRecord& record) {
  open_->last_step = record.iteration;
  open_->value = stretch.mean;
  open_->deviation = stretch.deviation;
  open_->noisy = stretch.noisy;
  if (record.step_norm) open_->last_step_norm = record.step_norm;
  if (record.stepsize) open_->stepsize = record.stepsize;
}

bool PlateauDetector::note(const StepRecord& record) {
  last_step_ = record.iteration;
  left_.reset();
  if (records_ > 0 && !record.accepted) return false;
  if (!std::isfinite(record.value) || !append(record)) return false;
  const auto stretch = find();
  if (!stretch) {
    left_ = std::exchange(open_, std::nullopt);
    if (left_) left_->left = true;
    return false;
  }
  const bool new_one = !open_;
  if (new_one) {
    open_ = Plateau{.first_step = begin_of(*stretch),
                    .seen = record.iteration,
                    .first_step_norm = record.step_norm};
  }
  update(*stretch, record);
  return new_one;
}

std::optional<Plateau> PlateauDetector::take_left() { return std::exchange(left_, std::nullopt); }

void PlateauDetector::visit(StateVisitor& visitor) {
  visitor.field("start_value", start_value_);
  visitor.field("last_value", last_value_);
  visitor.field("last_step", last_step_);
  visitor.field("records", records_);
  visitor.field("block_records", block_records_);
  visitor.field("blocks_used", blocks_used_);
  visitor.field("blocks", blocks_);
  visit_plateau(visitor, "open", open_);
  if (blocks_.rows() != fields || blocks_.cols() != most_blocks)
    blocks_.setZero(fields, most_blocks);
  blocks_used_ = std::clamp<std::int64_t>(blocks_used_, 0, most_blocks);
  // left_ lives within one call of note only.
}

std::vector<Plateau> find_plateaus(const std::vector<StepRecord>& trace, double lower_bound,
                                   std::size_t most) {
  PlateauDetector detector(lower_bound);
  std::vector<Plateau> found;
  for (const StepRecord& record : trace) {
    if (detector.note(record)) forget_inside(found, detector.open()->first_step, std::identity());
    if (const auto left = detector.take_left()) found.push_back(*left);
    keep_longest(found, most, &Plateau::length);
  }
  if (detector.open()) {
    found.push_back(*detector.open());
    found.back().last_step = detector.steps();
  }
  std::erase_if(found, [&](const Plateau& p) {
    return p.left &&
           static_cast<double>(p.length()) < still_share * static_cast<double>(detector.steps());
  });
  return found;
}

Plateau standstill_at_end(const std::vector<StepRecord>& trace, double lower_bound) {
  const StepRecord& last = trace.back();
  const double allowed = still_tolerance * gap_above(last.value, lower_bound, trace.front().value);
  auto begin = trace.rbegin();
  while (begin + 1 != trace.rend() && std::abs((begin + 1)->value - last.value) <= allowed) ++begin;
  return {.first_step = begin->iteration,
          .last_step = last.iteration,
          .value = last.value,
          .seen = last.iteration,
          .first_step_norm = begin->step_norm,
          .last_step_norm = last.step_norm,
          .stepsize = last.stepsize};
}

void PlateauWatch::on_start(const StepRecord& record) {
  // A resumed run has it in what was restored.
  if (!std::exchange(started_, true)) detector_.note(record);
}

void PlateauWatch::on_step(const Progress& progress) {
  const bool found = detector_.note(progress.record);
  if (auto left = detector_.take_left()) {
    left_.push_back({*left, std::move(point_)});
    keep_longest(left_, most - 1, [](const Found& f) { return f.plateau.length(); });
  }
  if (!found) return;
  forget_inside(left_, detector_.open()->first_step, &Found::plateau);
  if (progress.point) point_ = *progress.point;
}

void PlateauWatch::visit(StateVisitor& visitor) {
  visitor.field("started", started_);
  detector_.visit(visitor);
  visitor.field("point", point_);
  auto count = static_cast<std::int64_t>(left_.size());
  visitor.field("left", count);
  left_.resize(static_cast<std::size_t>(std::clamp<std::int64_t>(count, 0, most)));
  for (std::size_t k = 0; k < left_.size(); ++k) {
    std::optional<Plateau> plateau = left_[k].plateau;
    visit_plateau(visitor, "left_" + std::to_string(k), plateau);
    left_[k].plateau = plateau.value_or(Plateau{});
    visitor.field("left_point_" + std::to_string(k), left_[k].point);
  }
}

std::vector<PlateauWatch::Found> PlateauWatch::found() const {
  std::vector<Found> found;
  for (const Found& left : left_)
    if (static_cast<double>(left.plateau.length()) >=
        still_share * static_cast<double>(detector_.steps()))
      found.push_back(left);
  if (detector_.open()) {
    found.push_back({*detector_.open(), point_});
    found.back().plateau.last_step = detector_.steps();
  }
  return found;
}

}  // namespace thalweg
