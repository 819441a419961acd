// Where the value of a run stands still: found while it runs, from its records alone.
//
// What counts as a plateau. Let G = f - f_low be the gap of the value, with f_low a known lower
// bound; where none is known, G = max(|f|, |f(x0) - f|). At every accepted record the last stretch
// of the run is looked at, and it is a plateau where either holds:
//
//   still   over at least 20 records and a tenth of all steps so far the largest and the smallest
//           value differ by at most G / 1000
//   noisy   over at least 40 records the values swing, the sum of all |f_k+1 - f_k| being at least
//           4 times their range, and the means of the two halves differ by at most G / 50; with a
//           standard error e of at most G / 50 over a quarter of all steps so far, or of at most
//           G / 20 over half of them. What was found lasts while the difference is at most
//           max(G / 50, 2 e) or, over half, max(G / 50, 1.5 e)
//
// Since stretches grow with the run, what converges is none, however slow at the end: a linear rate
// of 1 - 1e-4 changes G by 0.2 % in 20 records and by more in a tenth of its steps; t^-p does so by
// 1 - 1.1^-p, which is below 0.1 % for p < 0.01 alone. Nor is a value that rises. A gap of less
// than 1e-20 of that at the start leaves nothing to gain, and counts as none either. These rules
// are ours.
#pragma once

#include <optional>
#include <vector>

#include "thalweg/run/run.hpp"

namespace thalweg {

struct Plateau {
  std::int64_t first_step = 0, last_step = 0;
  bool left = false;      ///< the run went on from it
  bool noisy = false;     ///< found by the means of its halves
  double value = 0;       ///< mean over the last stretch looked at
  double deviation = 0;   ///< standard deviation there
  std::int64_t seen = 0;  ///< the step at which it was found
  // Of the first record at which it was found and of the last one in it, where measured.
  std::optional<double> first_step_norm = {}, last_step_norm = {}, stepsize = {};

  std::int64_t length() const { return last_step - first_step; }
};

/// Finds plateaus record by record. Work per record O(1) on average, memory O(1): records are
/// collected in at most 128 blocks of equal length, which doubles when they are full.
class PlateauDetector {
 public:
  /// lower_bound: f_low, -infinity where none is known.
  explicit PlateauDetector(double lower_bound);

  /// Takes the next record, the start first. Returns whether a plateau was found at it that was
  /// none before. Rejected trials and values that are not finite are left out.
  bool note(const StepRecord& record);

  /// The one that the last record belongs to.
  const std::optional<Plateau>& open() const { return open_; }
  /// The last one that was left, where the last record left it.
  std::optional<Plateau> take_left();
  std::int64_t steps() const { return last_step_; }

  void visit(StateVisitor& visitor);  ///< all that changes

 private:
  struct Stretch {
    Index first_block = 0;
    std::int64_t records = 0;
    double mean = 0, deviation = 0, largest = 0, smallest = 0;
    bool noisy = false;
  };
  bool append(const StepRecord& record);
  double gap(double value) const;
  std::optional<Stretch> last_stretch(std::int64_t records, double share) const;
  std::optional<Stretch> find() const;
  // Of the steps, of the gap, and multiples of the standard error.
  struct Swing {
    double share = 0, error = 0, errors = 0;
  };
  bool stays(const Stretch& stretch, const Swing& allowed) const;
  std::int64_t begin_of(const Stretch& stretch) const;
  void update(const Stretch& stretch, const StepRecord& record);

  double lower_bound_;
  double start_value_ = 0, last_value_ = 0;
  std::int64_t last_step_ = 0;
  std::int64_t records_ = 0, block_records_ = 1, blocks_used_ = 0;
  /// (fields, blocks): see plateau.cpp.
  Matrix blocks_;
  std::optional<Plateau> open_, left_;
};

/// The plateaus of a trace that holds every record, the shortest forgotten beyond `most`.
std::vector<Plateau> find_plateaus(const std::vector<StepRecord>& trace, double lower_bound,
                                   std::size_t most = 3);

/// What the trace of a finished run ended on, however short: the records at its end whose values
/// differ from the last one by at most G / 1000. The trace is not empty.
Plateau standstill_at_end(const std::vector<StepRecord>& trace, double lower_bound);

/// Watches a run, and keeps the points at which plateaus were found: at most three, 3 n numbers.
/// A checkpoint holds what it has seen, so that a resumed run reports the same.
class PlateauWatch final : public Observer {
 public:
  struct Found {
    Plateau plateau;
    Vector point;  ///< (n), where it was found
  };
  static constexpr std::size_t most = 3;

  explicit PlateauWatch(double lower_bound) : detector_(lower_bound) {}
  void on_start(const StepRecord& record) override;
  void on_step(const Progress& progress) override;
  std::string_view key() const override { return "plateaus"; }
  void visit(StateVisitor& visitor) override;

  /// What the run stood on for at least a tenth of its steps, and what it ended on; in order.
  std::vector<Found> found() const;

 private:
  PlateauDetector detector_;
  bool started_ = false;
  std::vector<Found> left_;
  Vector point_;  // of the open one
};

}  // namespace thalweg
