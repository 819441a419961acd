#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

#include "memory_sources.hpp"
#include "thalweg/preflight/preflight.hpp"

namespace thalweg {
namespace preflight {
namespace {

namespace fs = std::filesystem;

constexpr double share_of_free = 0.8;

// The number after `key` on its line ("MemAvailable:  123 kB", "inactive_file 123").
std::optional<double> number_after(const fs::path& file, const std::string& key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string first;
    double number = 0;
    if (words >> first && first == key && words >> number) return number;
  }
  return std::nullopt;
}

std::optional<double> number_in(const fs::path& file) {
  std::ifstream in(file);
  double number = 0;
  if (in >> number) return number;
  return std::nullopt;  // missing, or the word "max"
}

// What one control group leaves. Cached file pages can be given back, so they count as free.
std::optional<double> left_in_group(const fs::path& group, const char* limit_file,
                                    const char* usage_file, const char* cache_key) {
  const auto limit = number_in(group / limit_file), usage = number_in(group / usage_file);
  if (!limit || !usage) return std::nullopt;
  const double cached = number_after(group / "memory.stat", cache_key).value_or(0);
  return std::max(0.0, *limit - *usage + cached);
}

bool names_memory(const std::string& controllers) {
  std::istringstream names(controllers);
  for (std::string name; std::getline(names, name, ',');)
    if (name == "memory") return true;
  return false;
}

// The path of this process in the hierarchy of control groups; version 2 has no controllers named.
std::optional<std::string> group_path(const fs::path& root, bool version2) {
  std::ifstream in(root / "proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (version2 ? controllers.empty() : names_memory(controllers)) return line.substr(second + 1);
  }
  return std::nullopt;
}

double left_in_groups(const fs::path& root, bool version2) {
  double least = std::numeric_limits<double>::infinity();
  const auto path = group_path(root, version2);
  if (!path) return least;
  const fs::path top = root / (version2 ? "sys/fs/cgroup" : "sys/fs/cgroup/memory");
  const auto consider = [&](const fs::path& group) {
    const auto left = version2
                          ? left_in_group(group, "memory.max", "memory.current", "inactive_file")
                          : left_in_group(group, "memory.limit_in_bytes", "memory.usage_in_bytes",
                                          "total_inactive_file");
    if (left) least = std::min(least, *left);
  };
  consider(top);
  fs::path group = top;
  for (const auto& part : fs::path(*path).relative_path()) consider(group /= part);
  return least;
}

}  // namespace

std::optional<double> free_memory(const fs::path& root) {
  constexpr double kilobyte = 1024;
  const auto available = number_after(root / "proc/meminfo", "MemAvailable:");
  double least = std::min(left_in_groups(root, true), left_in_groups(root, false));
  if (available) least = std::min(least, kilobyte * *available);
  if (least == std::numeric_limits<double>::infinity()) return std::nullopt;
  return least;
}

}  // namespace preflight

double default_memory_limit() {
  if (const auto free = preflight::free_memory("/")) return preflight::share_of_free * *free;
  const double physical =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  return preflight::share_of_free * physical;
}

}  // namespace thalweg
