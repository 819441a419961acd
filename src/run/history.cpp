#include <algorithm>

#include "checkpoint.hpp"

namespace thalweg {

const StepRecord& record_at(const RunHistory& history, std::int64_t step) {
  return *std::ranges::lower_bound(history.trace, step, {}, &StepRecord::iteration);
}

void thin(RunHistory& history) {
  auto& trace = history.trace;
  if (trace.size() <= longest_trace) return;
  const std::int64_t last = trace.back().iteration;
  std::int64_t stride = 1;
  while (last / stride > static_cast<std::int64_t>(longest_trace / 4)) stride *= 2;
  std::erase_if(trace, [&](const StepRecord& record) {
    const std::int64_t step = record.iteration;
    const bool kept = step < dense_steps || step > last - dense_steps || step % stride == 0 ||
                      step == history.point_step || step == history.value_step ||
                      step == history.validation_step;
    return !kept;
  });
}

}  // namespace thalweg
