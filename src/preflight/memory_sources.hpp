// Where the operating system says how much memory is free.
#pragma once

#include <filesystem>
#include <optional>

namespace thalweg::preflight {

/// Bytes that can be allocated now without swapping, read from the /proc and /sys below `root`: the
/// lesser of MemAvailable and what the control groups of this process (versions 1 and 2, with their
/// parents) leave. Absent where nothing of that can be read.
std::optional<double> free_memory(const std::filesystem::path& root);

}  // namespace thalweg::preflight
