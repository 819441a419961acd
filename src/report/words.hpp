// Numbers and lists as the pages of text write them.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "thalweg/core/types.hpp"
#include "thalweg/plan/planner.hpp"

namespace thalweg::report {

inline std::string number(double value) { return fmt::format("{:.3g}", value); }

inline std::string number(const std::optional<double>& value) {
  return value ? number(*value) : "-";
}

inline std::string duration(double seconds) {
  if (seconds < 1e-3) return fmt::format("{:.2g} ms", 1e3 * seconds);
  if (seconds < 120) return fmt::format("{:.2f} s", seconds);
  if (seconds < 7200) return fmt::format("{:.1f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

inline std::string size(double bytes) {
  if (bytes < 1e3) return fmt::format("{:.0f} B", bytes);
  if (bytes < 1e6) return fmt::format("{:.0f} kB", bytes / 1e3);
  if (bytes < 1e9) return fmt::format("{:.0f} MB", bytes / 1e6);
  return fmt::format("{:.1f} GB", bytes / 1e9);
}

inline std::string count(double steps) {
  return steps < 1e6 ? fmt::format("{:.0f}", std::ceil(steps)) : number(steps);
}

inline std::string plural(Index n, const char* one, const char* many) {
  return fmt::format("{} {}", n, n == 1 ? one : many);
}

/// Longer lists are counted, not listed.
inline std::string list(const std::vector<std::string>& names) {
  constexpr std::size_t listed = 8;
  if (names.size() <= listed) return fmt::format("{}", fmt::join(names, ", "));
  const std::vector<std::string> head(names.begin(), names.begin() + listed);
  return fmt::format("{} and {} more", fmt::join(head, ", "), names.size() - listed);
}

/// Pads to the width of the longest entry of a column of texts.
template <class Items, class Text>
std::size_t width_of(const Items& items, Text text) {
  std::size_t width = 0;
  for (const auto& item : items) width = std::max(width, text(item).size());
  return width;
}

inline std::string describe_decisions(const std::vector<Decision>& decisions) {
  std::string text;
  for (const Decision& decision : decisions) {
    text += fmt::format("  because  {} {}: {}\n", decision.what, decision.chosen, decision.because);
    for (const Rejected& rejected : decision.rejected)
      text += fmt::format("  not      {} ({})\n", rejected.option, rejected.why);
  }
  return text;
}

}  // namespace thalweg::report
