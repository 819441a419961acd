#include "thalweg/run/trace.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <bit>
#include <cmath>
#include <limits>

#include "scratch_folder.hpp"
#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

double any_double() { return std::bit_cast<double>(*rc::gen::arbitrary<std::uint64_t>()); }
std::optional<double> any_optional() {
  return *rc::gen::arbitrary<bool>() ? std::optional(any_double()) : std::nullopt;
}

StepRecord any_record() {
  StepRecord r;
  r.iteration = *rc::gen::arbitrary<std::int64_t>();
  r.accepted = *rc::gen::arbitrary<bool>();
  r.value = any_double();
  for (auto member : {&StepRecord::gradient_norm, &StepRecord::step_norm, &StepRecord::stepsize,
                      &StepRecord::damping, &StepRecord::gain_ratio, &StepRecord::flow_time,
                      &StepRecord::sigma_min, &StepRecord::predicted, &StepRecord::deviation,
                      &StepRecord::validation})
    r.*member = any_optional();
  r.evaluations = *rc::gen::arbitrary<std::int64_t>();
  r.samples = *rc::gen::arbitrary<std::int64_t>();
  r.seconds = any_double();
  return r;
}

// Equal to the bit, except that every NaN is one.
bool same(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) ||
         std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}
bool same(const std::optional<double>& a, const std::optional<double>& b) {
  return a.has_value() == b.has_value() && (!a || same(*a, *b));
}
bool same(const StepRecord& a, const StepRecord& b) {
  return a.iteration == b.iteration && a.accepted == b.accepted && same(a.value, b.value) &&
         same(a.gradient_norm, b.gradient_norm) && same(a.step_norm, b.step_norm) &&
         same(a.stepsize, b.stepsize) && same(a.damping, b.damping) &&
         same(a.gain_ratio, b.gain_ratio) && same(a.flow_time, b.flow_time) &&
         same(a.sigma_min, b.sigma_min) && same(a.predicted, b.predicted) &&
         same(a.deviation, b.deviation) && same(a.validation, b.validation) &&
         a.evaluations == b.evaluations && a.samples == b.samples && same(a.seconds, b.seconds);
}

TEST(Trace, EveryNumberSurvivesTheRoundTrip) {
  const ScratchFolder folder;
  EXPECT_TRUE(rc::check([&folder] {
    std::vector<StepRecord> trace;
    for (int i = *rc::gen::inRange(0, 5); i > 0; --i) trace.push_back(any_record());
    write_trace_csv(folder / "trace.csv", trace);
    const auto back = read_trace_csv(folder / "trace.csv");
    RC_ASSERT(back.size() == trace.size());
    for (std::size_t i = 0; i < trace.size(); ++i) RC_ASSERT(same(back[i], trace[i]));
  }));
}

TEST(Trace, HasAHeaderAndLeavesAbsentFieldsEmpty) {
  const ScratchFolder folder;
  StepRecord record;
  record.iteration = 3;
  record.value = 0.1;
  record.gradient_norm = 2;
  record.accepted = false;
  write_trace_csv(folder / "trace.csv", {record});
  EXPECT_EQ(slurp(folder / "trace.csv"),
            "iteration,accepted,value,gradient_norm,step_norm,stepsize,damping,gain_ratio,"
            "flow_time,sigma_min,predicted,deviation,log_value,training_error,margin,"
            "average_log_value,last_log_value,bound_log_value,transition_step,"
            "last_increase_step,escapes,smallest_curvature,heuristic_radius,validation,"
            "evaluations,samples,seconds\n"
            "3,0,0.10000000000000001,2,,,,,,,,,,,,,,,,,,,,,0,0,0\n");
}

TEST(Trace, ReadingNamesRowAndColumnOfWhatIsWrong) {
  const ScratchFolder folder;
  const auto path = folder / "trace.csv";
  write_trace_csv(path, {StepRecord{}});
  std::string text = slurp(path);
  spill(path, text + "1,1,text,,,,,,,,,,,0,0,0\n");
  try {
    read_trace_csv(path);
    FAIL() << "accepted";
  } catch (const DataError& error) {
    EXPECT_EQ(error.where(), path.string() + ":3:3");
    EXPECT_EQ(error.problem(), "\"text\" is not a number in column 'value'");
  }
  for (const char* row : {"1,1\n", "1,2,0,,,,,,,,,,,0,0,0\n", "\n", "1.5,1,0,,,,,,,,,,,0,0,0\n"}) {
    spill(path, text + row);
    EXPECT_THROW(read_trace_csv(path), DataError) << row;
  }
  spill(path, "a,b\n");
  EXPECT_THROW(read_trace_csv(path), DataError);
  EXPECT_THROW(read_trace_csv(folder / "absent"), DataError);
}

}  // namespace
}  // namespace thalweg
