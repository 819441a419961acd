// The trace as a table: one row per recorded step.
#pragma once

#include <filesystem>
#include <vector>

#include "thalweg/run/method.hpp"

namespace thalweg {

/// CSV with a header; absent fields are empty cells; numbers round-trip (17 digits). Written
/// atomically.
void write_trace_csv(const std::filesystem::path& path, const std::vector<StepRecord>& trace);
std::vector<StepRecord> read_trace_csv(const std::filesystem::path& path);

}  // namespace thalweg
