#include "preflight/memory_sources.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "thalweg/preflight/preflight.hpp"

namespace thalweg {
namespace {

namespace fs = std::filesystem;

// A folder with the files an operating system would show.
class FreeMemory : public ::testing::Test {
 protected:
  FreeMemory()
      : root_(fs::temp_directory_path() /
              ("thalweg-memory-" + std::to_string(getpid()) + "-" +
               ::testing::UnitTest::GetInstance()->current_test_info()->name())) {}
  ~FreeMemory() override { fs::remove_all(root_); }

  void write(const fs::path& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  void machine_has(const std::string& kilobytes) {
    write("proc/meminfo", "MemTotal:  99999 kB\nMemFree:  1 kB\nMemAvailable:  " + kilobytes +
                              " kB\nBuffers: 3 kB\n");
  }

  fs::path root_;
};

TEST_F(FreeMemory, IsWhatTheMachineSaysWithoutGroups) {
  machine_has("1000");
  EXPECT_EQ(preflight::free_memory(root_), 1024000);
}

TEST_F(FreeMemory, IsUnknownWhereNothingCanBeRead) {
  EXPECT_FALSE(preflight::free_memory(root_).has_value());
}

TEST_F(FreeMemory, TakesTheTightestGroupOfVersionTwoOnTheWayUp) {
  machine_has("1000");
  write("proc/self/cgroup", "0::/outer/inner\n");
  write("sys/fs/cgroup/outer/memory.max", "600000\n");
  write("sys/fs/cgroup/outer/memory.current", "200000\n");
  write("sys/fs/cgroup/outer/memory.stat", "anon 5\ninactive_file 50000\n");
  write("sys/fs/cgroup/outer/inner/memory.max", "max\n");
  write("sys/fs/cgroup/outer/inner/memory.current", "100000\n");
  EXPECT_EQ(preflight::free_memory(root_), 450000);
}

TEST_F(FreeMemory, ReadsVersionOneToo) {
  machine_has("1000");
  write("proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/jobs\n0::/\n");
  write("sys/fs/cgroup/memory/jobs/memory.limit_in_bytes", "300000\n");
  write("sys/fs/cgroup/memory/jobs/memory.usage_in_bytes", "350000\n");
  EXPECT_EQ(preflight::free_memory(root_), 0);  // over its limit: nothing is left
}

TEST(DefaultMemoryLimit, IsEightyPercentOfWhatIsFree) {
  // Memory moves between the two readings; by less than a fifth of the machine's.
  const auto free = preflight::free_memory("/");
  if (!free) GTEST_SKIP() << "this system shows no /proc/meminfo";
  EXPECT_GT(default_memory_limit(), 0);
  EXPECT_NEAR(default_memory_limit() / *free, 0.8, 0.2);
}

}  // namespace
}  // namespace thalweg
