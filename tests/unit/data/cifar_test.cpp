// Reading CIFAR-10 in its binary version: what is understood, what is refused, no crash on any
// bytes.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

#include "images.hpp"
#include "mutated_text.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/data/dataset.hpp"
#include "thalweg/data/table.hpp"

namespace thalweg {
namespace {

using Strings = std::vector<std::string>;

constexpr std::size_t record_bytes = 3073;

std::string records(const std::vector<int>& labels) {
  RandomStream random(7, "cifar");
  std::string bytes;
  for (const int label : labels)
    bytes += static_cast<char>(label) + random_bytes(record_bytes - 1, random);
  return bytes;
}

std::string error_of(const std::string& bytes, const std::string& name = "batch.bin") {
  try {
    parse_table(bytes, name);
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("; "), std::string::npos)
        << "no remedy: " << error.what();
    return error.what();
  }
  return "accepted";
}

void expect_error(const std::string& bytes, const std::string& beginning) {
  const std::string message = error_of(bytes);
  EXPECT_EQ(message.substr(0, beginning.size()), beginning) << message;
}

TEST(Cifar, LabelsAndPlanes) {
  const std::string bytes = records({3, 0, 9});
  const Table table = parse_table(bytes, "batch.bin");
  EXPECT_EQ(table.format, "CIFAR-10");
  EXPECT_EQ(table.rows(), 3);
  EXPECT_EQ(table.column_count(), 3073);
  EXPECT_EQ(table.sample_shape, (std::vector<Index>{3, 32, 32}));
  EXPECT_EQ(table.columns[0].numbers, (std::vector<double>{3, 0, 9}));
  EXPECT_EQ(own_target(table), "label");
  for (Index i = 0; i < 3; ++i)
    for (const Index j : {0, 1, 1023, 1024, 3071}) {
      const auto byte =
          static_cast<std::size_t>(i) * record_bytes + 1 + static_cast<std::size_t>(j);
      EXPECT_EQ(table.packed(i, j), static_cast<unsigned char>(bytes[byte]));
    }
}

TEST(Cifar, BatchesBehindEachOtherAreOne) {
  const std::string first = records({1, 2}), second = records({5});
  const Table both = parse_cifar(first + second, "t");
  EXPECT_EQ(both.columns[0].numbers, (std::vector<double>{1, 2, 5}));
  EXPECT_EQ(both.packed(2, 3071), parse_cifar(second, "t").packed(0, 3071));
}

TEST(Cifar, IsToldByItsNameOrWhereItCannotBeText) {
  const std::string with_zeros = records({1, 2}), size = std::string(record_bytes, '\t');
  EXPECT_EQ(parse_table(with_zeros, "data.bin.gz").format, "CIFAR-10");
  EXPECT_EQ(parse_table(with_zeros, "-").format, "CIFAR-10");
  EXPECT_EQ(parse_table(std::string(record_bytes, '\1'), "t.bin").format, "CIFAR-10");
  // Text of that size stays text, and text named so too.
  std::string text = "a,b\n";
  while (text.size() < record_bytes - 4) text += "1,2\n";
  text += std::string(record_bytes - text.size(), '\n');
  EXPECT_EQ(parse_table(text, "t.csv").format, "CSV");
  EXPECT_EQ(parse_table(text, "t.bin").format, "CSV");
  EXPECT_EQ(parse_table("a,b\n1,2\n", "t.bin").format, "CSV");
  EXPECT_THROW(parse_table(with_zeros, "t.bin", {','}), DataError);  // a delimiter means CSV
}

TEST(Cifar, BeginningLikeIdx) {
  std::string bytes = records({0, 4});  // an airplane whose first red pixel is black
  bytes[1] = '\0';
  bytes[2] = '\x08';
  bytes[3] = '\x03';
  EXPECT_EQ(parse_table(bytes, "batch.bin").format, "CIFAR-10");
}

TEST(Cifar, Errors) {
  const std::string bytes = records({3, 0, 9});
  expect_error(bytes.substr(0, bytes.size() - 1), "batch.bin: 9218 bytes, where CIFAR-10 has 3073");
  expect_error(bytes + '\0', "batch.bin: 9220 bytes, where CIFAR-10 has 3073");
  std::string dark = records({0, 4, 9});  // black and nearly black pixels behind the label
  dark.replace(1, 2, {'\0', '\2'});
  expect_error(dark.substr(1), "batch.bin: 9218 bytes, where CIFAR-10 has 3073");
  expect_error(dark.substr(0, 6000), "batch.bin: 6000 bytes, where CIFAR-10 has 3073");
  expect_error(records({3, 10, 9}), "batch.bin:2:1: label 10, where CIFAR-10 has 0 to 9");
  expect_error('\1' + std::string(2 * 3074 - 1, '\0'), "batch.bin: 6148 bytes, where CIFAR-10");
  EXPECT_NE(error_of('\1' + std::string(2 * 3074 - 1, '\0')).find("CIFAR-100"), std::string::npos);
  EXPECT_THROW(parse_cifar("", "t"), DataError);
  const std::string labels = idx_file({3}, "\1\2\3");
  EXPECT_THROW(parse_table(bytes, "batch.bin", {}, LabelFile{labels, "l"}), UsageError);
}

TEST(Cifar, GivesADataSet) {
  const std::string bytes = records({3, 0, 9, 3, 0, 9, 3, 0, 9, 3});
  DatasetOptions options;
  options.test = 0.3;
  options.drop = {"x0"};
  const Dataset dataset = make_dataset(parse_table(bytes, "batch.bin"), options);
  EXPECT_EQ(dataset.encoding.classes, (Strings{"0", "3", "9"}));
  EXPECT_EQ(dataset.test.size(), 3);
  EXPECT_EQ(dataset.train.inputs.cols(), 3071);
  EXPECT_NEAR(dataset.train.inputs.colwise().sum().cwiseAbs().maxCoeff(), 0, 1e-12);
  EXPECT_NEAR(dataset.train.inputs.col(7).squaredNorm(), 7, 1e-12);
}

TEST(CifarFuzz, AnyBytesGiveATableOrAnError) {
  RandomStream random(41, "cifar fuzz");
  const std::string whole = records({3, 0, 9});
  int accepted = 0, refused = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = whole;
    if (random.below(2) == 0) {
      bytes = mutated_text(whole, "\1\2\x0A", 2, random);
    } else {  // labels and pixels alone
      for (int k = 0; k < 3; ++k)
        bytes[random.below(3) * record_bytes + random.below(2)] =
            static_cast<char>(random.below(13));
    }
    try {
      const Table table = parse_table(bytes, random.below(2) == 0 ? "t.bin" : "t");
      ++accepted;
      ASSERT_EQ(table.packed.rows(), table.rows());
      ASSERT_LE(table.packed(table.rows() - 1, table.packed.cols() - 1), 255);
    } catch (const Error& error) {
      ++refused;
      ASSERT_EQ(error.kind(), ErrorKind::data) << error.what();
    }
  }
  EXPECT_GT(accepted, 300);  // the mutations reach both sides
  EXPECT_GT(refused, 300);
}

TEST(CifarPublished, IsReadAsADataSet) {
  const char* const folder = std::getenv("THALWEG_TEST_DATA");
  if (folder == nullptr) GTEST_SKIP() << "THALWEG_TEST_DATA is not set";
  const auto path = std::filesystem::path(folder) / "cifar10" / "test_batch_1k.bin";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent";
  const Table table = read_table(path.string());
  ASSERT_EQ(table.format, "CIFAR-10");
  ASSERT_EQ(table.rows(), 1000);
  const Dataset dataset = make_dataset(table, {});
  EXPECT_EQ(dataset.encoding.inputs(), 3072);
  EXPECT_EQ(dataset.encoding.classes.size(), 10U);
  // Neighbours in a plane of a photograph are alike, which they would not be in another layout.
  const Matrix& inputs = dataset.train.inputs;
  const auto correlation = [&](Index a, Index b) {
    return inputs.col(a).dot(inputs.col(b)) / 1000;
  };
  EXPECT_GT(correlation(500, 501), 0.8);         // to the right
  EXPECT_GT(correlation(500, 500 + 32), 0.8);    // below
  EXPECT_GT(correlation(500, 500 + 1024), 0.7);  // the same pixel in green
}

}  // namespace
}  // namespace thalweg
