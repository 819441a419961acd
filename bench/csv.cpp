// Reading a table of numbers.

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "bench.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/data/table.hpp"

namespace thalweg::bench {
namespace {

constexpr double megabyte = 1e6;

// Ten columns of numbers with up to eight digits, as sensors and spreadsheets write them.
std::string make_table(std::size_t bytes) {
  std::string text = "a,b,c,d,e,f,g,h,i,j\n";
  RandomStream random(1, "csv");
  text.reserve(bytes + 256);
  while (text.size() < bytes)
    for (int column = 0; column < 10; ++column)
      fmt::format_to(std::back_inserter(text), "{:.{}f}{}", 100 * random.normal(), column % 7,
                     column == 9 ? '\n' : ',');
  return text;
}

// A file that is removed when the benchmark ends, however it ends.
struct TemporaryFile {
  std::filesystem::path path;
  explicit TemporaryFile(const std::string& content)
      : path(std::filesystem::temp_directory_path() /
             fmt::format("thalweg-bench-{:016x}.csv", RandomStream(seed(), "file").below(~0ULL))) {
    std::ofstream(path, std::ios::binary) << content;
  }
  ~TemporaryFile() { std::remove(path.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  static std::uint64_t seed() {
    return static_cast<std::uint64_t>(
        std::filesystem::file_time_type::clock::now().time_since_epoch().count());
  }
};

}  // namespace

Json csv(const std::map<std::string, std::string>& given) {
  const Options options({{"megabytes", "100"}}, given);
  const std::string text =
      make_table(static_cast<std::size_t>(options.number("megabytes")) * 1'000'000);
  const TemporaryFile file(text);
  std::vector<double> seconds;
  const auto read = [&] { static_cast<void>(read_csv(file.path.string())); };
  const int repeats = std::min(20, repeats_for(seconds_of(read)));
  for (int repeat = 0; repeat < repeats; ++repeat) seconds.push_back(seconds_of(read));
  return {{"seconds", median(seconds)},
          {"megabytes_per_second", static_cast<double>(text.size()) / megabyte / median(seconds)}};
}

}  // namespace thalweg::bench
