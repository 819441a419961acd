#include "thalweg/core/tensor_file.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <limits>
#include <sstream>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"

namespace thalweg {
namespace {

namespace fs = std::filesystem;

class TensorFileTest : public testing::Test {
 protected:
  TensorFileTest()
      : folder_(fs::temp_directory_path() /
                ("thalweg-tensor-file-" + std::to_string(::getpid()) + "-" +
                 testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::create_directories(folder_);
  }
  ~TensorFileTest() override { fs::remove_all(folder_); }

  static TensorFile example() {
    TensorFile file;
    file.metadata = {{"format", "example/1"}, {"text", "quote \" and\nnewline \u00e4"}};
    Matrix m(2, 3);
    m << 1, 2, 3, 4, 5, 6;
    file.put("weights", m);
    file.put("vector", Vector(Vector::LinSpaced(5, -2, 2)));
    file.put("seconds", 0.1);
    file.put("step", std::int64_t{1} << 62);
    file.put("flags", std::vector<std::int64_t>{1, 0, -1});
    file.put("empty", Vector(0));
    return file;
  }

  const fs::path folder_;
};

std::string slurp(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// The bytes of a file with this header and data, whatever they say.
std::string assemble(const std::string& header, const std::string& data) {
  std::string bytes(8, '\0');
  const std::uint64_t length = header.size();
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + data;
}

TEST_F(TensorFileTest, ReturnsWhatWasPut) {
  const TensorFile file = example();
  const TensorFile copy = TensorFile::parse(file.bytes(), "memory");
  EXPECT_EQ(copy.metadata, file.metadata);
  EXPECT_EQ(copy.matrix("weights"), file.matrix("weights"));
  EXPECT_EQ(copy.matrix("weights")(1, 0), 4);
  EXPECT_EQ(copy.vector("vector"), Vector(Vector::LinSpaced(5, -2, 2)));
  EXPECT_EQ(copy.number("seconds"), 0.1);
  EXPECT_EQ(copy.integer("step"), std::int64_t{1} << 62);
  EXPECT_EQ(copy.integers("flags"), (std::vector<std::int64_t>{1, 0, -1}));
  EXPECT_EQ(copy.vector("empty").size(), 0);
  EXPECT_EQ(copy.bytes(), file.bytes());
}

TEST_F(TensorFileTest, LaysBytesOutAsTheFormatSays) {
  TensorFile file;
  Matrix m(1, 2);
  m << 1.0, -2.0;
  file.put("m", m);
  const std::string bytes = file.bytes();
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  EXPECT_EQ(length % 8, 0u);
  const std::string header = bytes.substr(8, length);
  EXPECT_EQ(header.substr(0, header.find_last_not_of(' ') + 1),
            R"({"m":{"data_offsets":[0,16],"dtype":"F64","shape":[1,2]}})");
  double second = 0;
  std::memcpy(&second, bytes.data() + 8 + length + 8, 8);
  EXPECT_EQ(second, -2.0);
  EXPECT_EQ(bytes.size(), 8 + length + 16);
}

TEST_F(TensorFileTest, KeepsEveryBitOfADouble) {
  Vector v(6);
  v << -0.0, std::numeric_limits<double>::denorm_min(), std::numeric_limits<double>::max(),
      std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN(), 1 / 3.0;
  TensorFile file;
  file.put("v", v);
  const Vector back = TensorFile::parse(file.bytes(), "memory").vector("v");
  ASSERT_EQ(back.size(), v.size());
  EXPECT_EQ(std::memcmp(back.data(), v.data(), 48), 0);
}

TEST_F(TensorFileTest, RandomMatricesSurviveTheRoundTrip) {
  EXPECT_TRUE(rc::check([] {
    const Index rows = *rc::gen::inRange(0, 7), columns = *rc::gen::inRange(0, 7);
    Matrix m(rows, columns);
    for (Index j = 0; j < columns; ++j)
      for (Index i = 0; i < rows; ++i) m(i, j) = *rc::gen::arbitrary<double>();
    TensorFile file;
    file.put("m", m);
    RC_ASSERT(TensorFile::parse(file.bytes(), "memory").matrix("m") == m);
  }));
}

TEST_F(TensorFileTest, GettersNameWhatIsMissingOrDifferent) {
  const TensorFile file = TensorFile::parse(example().bytes(), "model.safetensors");
  EXPECT_THROW(file.vector("absent"), DataError);
  EXPECT_THROW(file.vector("weights"), DataError);
  EXPECT_THROW(file.vector("flags"), DataError);
  EXPECT_THROW(file.integer("seconds"), DataError);
  EXPECT_THROW(file.number("vector"), DataError);
  EXPECT_THROW(file.matrix("vector"), DataError);
  EXPECT_THROW(file.text("absent"), DataError);
  try {
    file.vector("absent");
  } catch (const DataError& error) {
    EXPECT_EQ(error.where(), "model.safetensors");
    EXPECT_NE(error.problem().find("'absent'"), std::string::npos);
  }
}

TEST_F(TensorFileTest, RefusesAFileCutAtAnyByte) {
  const std::string bytes = example().bytes();
  for (std::size_t length = 0; length < bytes.size(); ++length)
    EXPECT_THROW(TensorFile::parse(bytes.substr(0, length), "cut"), DataError) << length;
}

TEST_F(TensorFileTest, RefusesBytesBehindTheLastTensor) {
  EXPECT_THROW(TensorFile::parse(example().bytes() + "x", "long"), DataError);
}

// A mutated file either still parses or is a DataError; nothing else, and no crash.
TEST_F(TensorFileTest, MutatedFilesAreDataErrorsOrFiles) {
  const std::string original = example().bytes();
  RandomStream random(1, "mutations");
  int refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = original;
    for (std::uint64_t k = 0, count = 1 + random.below(4); k < count; ++k)
      bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
    try {
      TensorFile::parse(bytes, "mutated");
    } catch (const DataError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST_F(TensorFileTest, RefusesHostileHeaders) {
  const std::string eight(8, 'x');
  const std::string cases[] = {
      assemble("[]", ""),
      assemble("null", ""),
      assemble("{", ""),
      assemble("{} trailing", ""),
      assemble(R"({"a":1})", ""),
      assemble(R"({"__metadata__":[]})", ""),
      assemble(R"({"__metadata__":{"k":1}})", ""),
      assemble(R"({"a":{"dtype":"F64","shape":[1]}})", eight),
      assemble(R"({"a":{"dtype":"F64","data_offsets":[0,8]}})", eight),
      assemble(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", eight),
      assemble(R"({"a":{"dtype":7,"shape":[1],"data_offsets":[0,8]}})", eight),
      assemble(R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[8,0]}})", eight),
      assemble(R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,16]}})", eight),
      assemble(R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,7]}})", "1234567"),
      assemble(R"({"a":{"dtype":"F64","shape":[2],"data_offsets":[0,8]}})", eight),
      assemble(R"({"a":{"dtype":"F64","shape":[-1],"data_offsets":[0,8]}})", eight),
      assemble(R"({"a":{"dtype":"F64","shape":[1.0],"data_offsets":[0,8]}})", eight),
      assemble(R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8,8]}})", eight),
      // A product of extents that overflows to the right count.
      assemble(R"({"a":{"dtype":"F64","shape":[4294967296,4294967296,0],"data_offsets":[0,8]}})",
               eight),
      assemble(R"({"a":{"dtype":"F64","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", ""),
      assemble(R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,18446744073709551615]}})",
               eight),
      // Twice the same name; two tensors on the same bytes; a hole.
      assemble(R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},)"
               R"("a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}})",
               eight),
      assemble(R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},)"
               R"("b":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}})",
               eight),
      assemble(R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[8,16]}})", eight + eight),
      assemble(std::string(100000, '['), ""),
      assemble(R"({"a":)" + std::string(100000, '['), ""),
      assemble("{\"\xff\":{}}", ""),
  };
  for (const std::string& bytes : cases)
    EXPECT_THROW(TensorFile::parse(bytes, "hostile"), DataError) << bytes.substr(8, 90);
}

TEST_F(TensorFileTest, RefusesAHeaderOverTheLimitBeforeAllocating) {
  std::string bytes(8, '\0');
  const std::uint64_t length = 100'000'001;
  std::memcpy(bytes.data(), &length, 8);
  try {
    TensorFile::parse(bytes, "huge");
    FAIL() << "accepted";
  } catch (const DataError& error) {
    EXPECT_NE(error.problem().find("100 MB"), std::string::npos);
  }
}

TEST_F(TensorFileTest, ReadNamesMissingFilesAndDirectories) {
  EXPECT_THROW(TensorFile::read(folder_ / "absent"), DataError);
  EXPECT_THROW(TensorFile::read(folder_), DataError);
  EXPECT_THROW(TensorFile::read("/dev/zero"), DataError);
}

TEST_F(TensorFileTest, WriteReplacesTheWholeFileAndLeavesNothingBeside) {
  const fs::path path = folder_ / "model.safetensors";
  write_file_atomically(path, std::string(1000, 'x'));
  example().write(path);
  EXPECT_EQ(slurp(path), example().bytes());
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
  EXPECT_EQ(TensorFile::read(path).origin, path.string());
}

TEST_F(TensorFileTest, WriteFollowsALinkAndKeepsIt) {
  const fs::path target = folder_ / "target", link = folder_ / "link";
  write_file_atomically(target, "old");
  fs::create_symlink("target", link);
  write_file_atomically(link, "new");
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(slurp(target), "new");
}

TEST_F(TensorFileTest, WriteToADeviceLeavesTheDevice) {
  write_file_atomically("/dev/null", "text");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST_F(TensorFileTest, WriteSaysWhyItFailed) {
  EXPECT_THROW(write_file_atomically(folder_, "text"), DataError);
  try {
    write_file_atomically(folder_ / "absent" / "file", "text");
    FAIL() << "written";
  } catch (const DataError& error) {
    EXPECT_NE(error.problem().find("No such file"), std::string::npos);
    EXPECT_FALSE(error.remedy().empty());
  }
}

TEST_F(TensorFileTest, TextThatIsNotUtf8IsAUsageError) {
  TensorFile file;
  file.metadata["path"] = "\xff";
  EXPECT_THROW(file.bytes(), UsageError);
}

}  // namespace
}  // namespace thalweg
