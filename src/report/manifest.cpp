#include <ctime>
#include <fstream>

#include "thalweg/linalg/blas.hpp"
#include "thalweg/report/report.hpp"

#ifndef THALWEG_VERSION
#error "the build defines THALWEG_VERSION and THALWEG_COMMIT for this file: src/CMakeLists.txt"
#endif

namespace thalweg::report {
namespace {

std::string compiler_name() {
#if defined(__clang__)
  return std::string("clang ") + __clang_version__;
#elif defined(__GNUC__)
  return std::string("gcc ") + __VERSION__;
#else
  return "unknown";
#endif
}

std::string cpu_name() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[sizeof "2000-01-01T00:00:00Z"] = "";
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

}  // namespace

std::string version() { return THALWEG_VERSION " (" THALWEG_COMMIT ")"; }

Manifest make_manifest(std::uint64_t seed, int threads, std::vector<std::string> argv) {
  return {.version = THALWEG_VERSION,
          .commit = THALWEG_COMMIT,
          .compiler = compiler_name(),
          .blas = linalg::blas_name(),
          .cpu = cpu_name(),
          .threads = threads,
          .seed = seed,
          .argv = std::move(argv),
          .started = utc_now()};
}

}  // namespace thalweg::report
