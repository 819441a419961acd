// Reading IDX files and their labels: what is understood, what is refused and with which words, no
// crash on any bytes, and the same data sets as from CSV.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <optional>
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

using namespace std::string_literals;
using Strings = std::vector<std::string>;
using Numbers = std::vector<double>;

constexpr const char* name = "t.idx";
constexpr const char* labels_name = "l.idx";

/// Five images of 2 x 3, of which the last pixel is constant and the first is 10, 11, ...
const std::string pixels =
    "\x0A\x00\x80\xFF\x01\x05"
    "\x0B\x00\x00\xFE\x02\x05"
    "\x0C\x07\x10\xFD\x03\x05"
    "\x0D\x00\x20\xFC\x04\x05"
    "\x0E\x00\x30\xFB\x06\x05"s;
const std::string small = idx_file({5, 2, 3}, pixels);
const std::string small_labels = idx_file({5}, "\x03\x01\x03\x01\x03"s);

Table parse(const std::string& bytes, const std::optional<std::string>& labels = {}) {
  std::optional<LabelFile> file;
  if (labels) file = {*labels, labels_name};
  return parse_table(bytes, name, {}, file);
}

Matrix unpacked(const PackedMatrix& packed) {
  Matrix matrix(packed.rows(), packed.cols());
  for (Index i = 0; i < packed.rows(); ++i)
    for (Index j = 0; j < packed.cols(); ++j) matrix(i, j) = packed(i, j);
  return matrix;
}

template <class Expected>
std::string error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Expected& error) {
    EXPECT_NE(std::string(error.what()).find("; "), std::string::npos)
        << "no remedy: " << error.what();
    return error.what();
  } catch (const std::exception& error) {
    return "another error: "s + error.what();
  }
  return "accepted";
}

void expect_begins(const std::string& message, const std::string& beginning) {
  EXPECT_EQ(message.substr(0, beginning.size()), beginning) << message;
}

void expect_error(const std::string& bytes, const std::string& beginning) {
  expect_begins(error_of<DataError>([&] { parse(bytes); }), beginning);
}

void expect_label_error(const std::string& labels, const std::string& beginning) {
  expect_begins(error_of<DataError>([&] { parse(small, labels); }), beginning);
}

// ---- what is understood -------------------------------------------------------------------------

TEST(Idx, ImagesAndLabels) {
  const Table table = parse(small, small_labels);
  EXPECT_TRUE(table.is_packed() && table.is_numbered() && !table.is_sparse());
  EXPECT_EQ(table.format, "IDX");
  EXPECT_EQ(table.rows(), 5);
  EXPECT_EQ(table.column_count(), 7);
  EXPECT_EQ(table.sample_shape, (std::vector<Index>{2, 3}));
  EXPECT_EQ(table.file_rows, (std::vector<Index>{1, 2, 3, 4, 5}));
  ASSERT_EQ(table.columns.size(), 1U);
  EXPECT_EQ(table.columns[0].name, "label");
  EXPECT_EQ(table.columns[0].numbers, (Numbers{3, 1, 3, 1, 3}));
  EXPECT_EQ(own_target(table), "label");
  Matrix expected(5, 6);
  expected << 10, 0, 128, 255, 1, 5, 11, 0, 0, 254, 2, 5, 12, 7, 16, 253, 3, 5, 13, 0, 32, 252, 4,
      5, 14, 0, 48, 251, 6, 5;
  EXPECT_EQ(unpacked(table.packed), expected);
}

TEST(Idx, EveryTypeOfNumbers) {
  const auto bits_of = [](float value) { return std::bit_cast<std::uint32_t>(value); };
  const auto wide_bits_of = [](double value) { return std::bit_cast<std::uint64_t>(value); };
  const auto read = [](unsigned char type, int bytes, const std::vector<std::uint64_t>& numbers) {
    std::string file = idx_header(type, {static_cast<std::uint32_t>(numbers.size()), 1});
    for (const std::uint64_t bits : numbers) file += big_endian(bits, bytes);
    const Matrix column = unpacked(parse(file).packed);
    return Numbers(column.data(), column.data() + column.size());
  };
  const auto minus = [](std::int64_t value) { return static_cast<std::uint64_t>(-value); };
  EXPECT_EQ(read(0x08, 1, {0, 127, 128, 255}), (Numbers{0, 127, 128, 255}));
  EXPECT_EQ(read(0x09, 1, {0, 127, minus(128), minus(1)}), (Numbers{0, 127, -128, -1}));
  EXPECT_EQ(read(0x0B, 2, {258, minus(32768), minus(2)}), (Numbers{258, -32768, -2}));
  EXPECT_EQ(read(0x0C, 4, {16909060, minus(2147483648)}), (Numbers{16909060, -2147483648.0}));
  EXPECT_EQ(read(0x0D, 4, {bits_of(1.5F), bits_of(-1e-40F)}),
            (Numbers{1.5, static_cast<double>(-1e-40F)}));
  EXPECT_EQ(read(0x0E, 8, {wide_bits_of(M_PI), wide_bits_of(-1e300)}), (Numbers{M_PI, -1e300}));
}

TEST(Idx, OneToFourDimensions) {
  const std::string numbers = "\1\2\3\4\5\6\7\x08"s;
  const std::vector<std::vector<std::uint32_t>> shapes = {{8}, {4, 2}, {2, 2, 2}, {1, 2, 2, 2}};
  for (const auto& sizes : shapes) {
    const Table table = parse(idx_file(sizes, numbers));
    EXPECT_EQ(table.rows(), sizes[0]);
    EXPECT_EQ(table.packed.cols(), 8 / sizes[0]);
    EXPECT_EQ(table.sample_shape, std::vector<Index>(sizes.begin() + 1, sizes.end()));
    for (Index k = 0; k < 8; ++k)
      EXPECT_EQ(table.packed(k / table.packed.cols(), k % table.packed.cols()), k + 1);
  }
}

TEST(Idx, LabelsOfEveryType) {
  std::string labels = idx_header(0x0D, {5});
  for (const float value : {0.5F, -1.5F, 2.F, 3.F, 0.25F})
    labels += big_endian(std::bit_cast<std::uint32_t>(value), 4);
  EXPECT_EQ(parse(small, labels).columns[0].numbers, (Numbers{0.5, -1.5, 2, 3, 0.25}));
}

TEST(Idx, IsToldFromTextByItsFirstBytes) {
  EXPECT_EQ(parse("1 1:2\n").format, "LIBSVM");
  EXPECT_EQ(parse("a,b\n1,2\n").format, "CSV");
  EXPECT_EQ(parse_table(small, "t.bin").format, "IDX");
  // An IDX file of the size of a batch of CIFAR-10, named like one.
  const std::string numbers(2 * 3073 - 12, '\0');
  const std::string file = idx_file({static_cast<std::uint32_t>(numbers.size()), 1}, numbers);
  ASSERT_EQ(file.size(), 2U * 3073U);
  EXPECT_EQ(parse_table(file, "t.bin").format, "IDX");
  expect_begins(error_of<DataError>([&] { parse_table(small, name, {','}); }),
                "t.idx:1:1: a NUL byte");  // a delimiter means CSV
}

TEST(Idx, FindsColumnsByNameOrIndex) {
  const Table table = parse(small, small_labels), unlabelled = parse(small);
  EXPECT_EQ(table.find("label"), 0);
  EXPECT_EQ(table.find("x0"), 1);
  EXPECT_EQ(table.find("6"), 6);
  EXPECT_EQ(table.column_name(6), "x5");
  EXPECT_EQ(unlabelled.find("x5"), 5);
  EXPECT_EQ(unlabelled.column_name(0), "x0");
  EXPECT_THROW(table.find("x6"), UsageError);
  expect_begins(error_of<UsageError>([&] { unlabelled.find("y"); }),
                "t.idx: no column 'y'; the columns are x0 to x5, or 0 to 5");
}

// ---- what is refused ----------------------------------------------------------------------------

TEST(IdxErrors, Headers) {
  expect_begins(error_of<DataError>([] { parse_idx("", name); }), "t.idx: the file is empty");
  expect_begins(error_of<DataError>([] { parse_idx("5,0,4\n", name); }),
                "t.idx: this is no IDX file");
  for (const std::size_t length : {2U, 3U, 4U, 7U, 15U})
    expect_error(small.substr(0, length), "t.idx: the file ends within its header");
  for (const unsigned char type : {0x00, 0x07, 0x0A, 0x0F})
    expect_error(idx_header(type, {5, 2, 3}) + pixels,
                 fmt::format("t.idx: 0x{:02x} is no type of numbers of IDX", type));
  expect_error("\0\0\x08\0"s + pixels, "t.idx: an IDX file of 0 dimensions");
  expect_error(idx_file({5, 1, 1, 2, 3}, pixels), "t.idx: an IDX file of 5 dimensions");
  expect_error("\0\0\x08\xFF"s + pixels, "t.idx: an IDX file of 255 dimensions");
}

TEST(IdxErrors, SizesThatDoNotMatch) {
  expect_error(small.substr(0, small.size() - 1),
               "t.idx: the header announces 5 x 2 x 3 numbers of 1 byte, and 29 bytes follow");
  expect_error(small + "\n", "t.idx: the header announces 5 x 2 x 3 numbers of 1 byte, and 31");
  expect_error(idx_header(0x0E, {5, 2, 3}) + pixels,
               "t.idx: the header announces 5 x 2 x 3 numbers of 8 bytes, and 30 bytes follow");
  expect_error(idx_file({0, 28, 28}, ""), "t.idx: the header announces 0 x 28 x 28 numbers, that");
  expect_error(idx_file({5, 0}, ""), "t.idx: the header announces 5 x 0 numbers, that is none");
}

TEST(IdxErrors, SizesThatOverflowAllocateNothing) {
  constexpr std::uint32_t most = 0xFFFFFFFF, half = 0x80000000;
  const std::vector<std::vector<std::uint32_t>> shapes = {
      {most},       {most, most},       {most, most, most}, {most, most, most, most},
      {half, half}, {half, half, 4, 1}, {half, half, 4, 4}, {0x10000, 0x10000, 0x10000, 0x10000}};
  for (const auto& sizes : shapes)  // the last ones are 0 modulo 2^64
    for (const unsigned char type : {0x08, 0x0E})
      expect_error(idx_header(type, sizes), "t.idx: the header announces ");
}

TEST(IdxErrors, NumbersThatAreNotFinite) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double value : {infinity, -infinity, std::nan("")}) {
    std::string file = idx_header(0x0E, {2, 2});
    for (const double number : {1.0, 2.0, value, 4.0})
      file += big_endian(std::bit_cast<std::uint64_t>(number), 8);
    expect_error(file, "t.idx:2:1: a number that is not finite");
    expect_begins(error_of<DataError>([&] { parse(file, idx_file({2}, "\1\2")); }),
                  "t.idx:2:2: a number that is not finite");  // behind the label
    const std::string labels = idx_header(0x0E, {5}) + std::string(32, '\0') +
                               big_endian(std::bit_cast<std::uint64_t>(value), 8);
    expect_label_error(labels, "l.idx:5:1: a number that is not finite");
  }
}

TEST(IdxErrors, Labels) {
  expect_label_error("", "l.idx: the file is empty");
  expect_label_error("3\n1\n3\n1\n3\n", "l.idx: the labels are no IDX file");
  expect_label_error(small, "l.idx: an IDX file of 5 x 2 x 3, where labels have one dimension");
  expect_label_error(idx_file({5, 1}, "\3\1\3\1\3"), "l.idx: an IDX file of 5 x 1");
  expect_label_error(idx_file({4}, "\3\1\3\1"), "l.idx: 4 labels, and t.idx has 5 samples");
  expect_label_error(idx_file({6}, "\3\1\3\1\3\1"), "l.idx: 6 labels, and t.idx has 5 samples");
  expect_label_error(idx_file({0}, ""), "l.idx: the header announces 0 numbers");
  expect_label_error(small_labels.substr(0, 6), "l.idx: the file ends within its header");
  expect_label_error(small_labels + "\3", "l.idx: the header announces 5 numbers");
}

TEST(IdxErrors, LabelsOfWhatIsNoIdxFile) {
  for (const std::string text : {"a,label\n1,2\n3,4\n", "1 1:2\n2 1:3\n"})
    expect_begins(error_of<UsageError>([&] { parse(text, small_labels); }),
                  "t.idx: labels in a file of their own belong to images in an IDX file");
  expect_begins(error_of<DataError>([] { parse("", small_labels); }), "t.idx: the file is empty");
}

TEST(IdxErrors, ImagesWithoutLabelsAndLabelsWithoutImages) {
  expect_begins(error_of<UsageError>([] { make_dataset(parse(small), {}); }),
                "t.idx: the images have no labels; give --labels FILE");
  DatasetOptions options;
  options.targets = {"x3"};
  expect_begins(error_of<UsageError>([&] { make_dataset(parse(small), options); }),
                "t.idx: the images have no labels");
  expect_begins(error_of<DataError>([] { make_dataset(parse(small_labels), {}); }),
                "t.idx: one number per sample: labels, and no images");
}

// ---- data sets ----------------------------------------------------------------------------------

TEST(IdxDataset, ConstantColumnsAreLeftOut) {
  const Dataset dataset = make_dataset(parse(small, small_labels), {});
  EXPECT_EQ(dataset.encoding.task, Task::classification);
  EXPECT_EQ(dataset.encoding.classes, (Strings{"1", "3"}));
  EXPECT_EQ(dataset.encoding.input_names, (Strings{"x0", "x1", "x2", "x3", "x4"}));
  EXPECT_EQ(dataset.dropped_columns, (Strings{"x5"}));
  EXPECT_EQ(dataset.train.labels, (std::vector<int>{1, 0, 1, 0, 1}));
  EXPECT_FALSE(dataset.train.is_sparse());
  const Vector ramp = Vector::LinSpaced(5, -2, 2) / std::sqrt(2.0);  // 10 ... 14, standardized
  EXPECT_TRUE(dataset.train.inputs.col(0).isApprox(ramp, 1e-14));
  const Numbers first(dataset.encoding.input_mean.data(), dataset.encoding.input_mean.data() + 2);
  EXPECT_EQ(first, (Numbers{12, 7.0 / 5}));
}

TEST(IdxDataset, ManyConstantColumnsGiveOneShortNotice) {
  std::string numbers(2 * 5000, '\x07');
  numbers[4999] = '\x09';
  const Dataset dataset =
      make_dataset(parse(idx_file({2, 5000}, numbers), idx_file({2}, "\1\2")), {});
  EXPECT_EQ(dataset.encoding.input_names, (Strings{"x4999"}));
  EXPECT_EQ(dataset.dropped_column_count, 4999);
  EXPECT_EQ(dataset.dropped_columns.size(), 1000U);
  int about_constants = 0;
  for (const std::string& notice : dataset.notices) {
    EXPECT_LT(notice.size(), 250U);
    about_constants += notice.find("constant") != std::string::npos;
  }
  EXPECT_EQ(about_constants, 1);
}

TEST(IdxDataset, ChoosesColumnsAndRefusesWhatPixelsCannotBe) {
  DatasetOptions options;
  options.features = {"x4", "x0"};
  const Table table = parse(small, small_labels);
  EXPECT_EQ(make_dataset(table, options).encoding.input_names, (Strings{"x0", "x4"}));
  options.features = {};
  options.drop = {"x1", "6"};
  const Dataset dataset = make_dataset(table, options);
  EXPECT_EQ(dataset.encoding.input_names, (Strings{"x0", "x2", "x3", "x4"}));
  EXPECT_EQ(dataset.dropped_column_count, 0);
  const auto refused = [&](const DatasetOptions& wrong) {
    return error_of<UsageError>([&] { make_dataset(table, wrong); });
  };
  DatasetOptions wrong;
  wrong.targets = {"x1"};
  expect_begins(refused(wrong), "--target: the target of IDX data is 'label'");
  wrong.targets = {"label"};
  wrong.one_hot = {"x1"};
  expect_begins(refused(wrong), "--categorical: columns of IDX data hold numbers");
}

TEST(IdxDataset, KeepsWithinTheMemoryLimit) {
  DatasetOptions options;
  const Table table = parse(small, small_labels);
  options.memory_limit = 5 * 5 * sizeof(double);
  EXPECT_EQ(make_dataset(table, options).train.inputs.size(), 25);
  for (const bool keep_sparse : {false, true}) {  // there is nothing sparse to keep
    options.keep_sparse = keep_sparse;
    options.memory_limit = 5 * 5 * sizeof(double) - 1;
    expect_begins(error_of<RefusedError>([&] { make_dataset(table, options); }),
                  "t.idx: 5 rows of 5 inputs take 2e-07 GB as dense numbers");
  }
}

// ---- encoding new tables ------------------------------------------------------------------------

TEST(IdxEncoding, FormatsMixWhereNamesMatch) {
  const Encoding encoding = make_dataset(parse(small, small_labels), {}).encoding;  // x0 ... x4
  const Table csv = parse_csv("x4,x1,extra,x0,x2,x3\n1,0,a,10,128,255\n6,0,b,14,48,251\n", "t.csv");
  const Table libsvm = parse("0 1:10 3:128 4:255 5:1\n0 1:14 3:48 4:251 5:6\n");
  const Matrix expected = make_dataset(parse(small, small_labels), {}).train.inputs;
  for (const Table& table : {csv, libsvm}) {
    EXPECT_EQ(encoding.encode(table).row(0), expected.row(0));
    EXPECT_EQ(encoding.encode(table).row(1), expected.row(4));
  }
  EXPECT_EQ(encoding.encode(parse(small)), expected);  // labels are not needed
  EXPECT_EQ(Matrix(encoding.encode_sparse(parse(small))),
            encoding.encode_raw(parse(small), {0, 1, 2, 3, 4}));
  expect_begins(error_of<DataError>([&] {
                  encoding.encode(parse(idx_file({1, 4}, "\1\2\3\4")));
                }),
                "t.idx: column 'x4', which the model needs, is missing");
}

TEST(IdxEncoding, ServesModelsOfOtherTables) {
  DatasetOptions options;
  options.targets = {"y"};
  const auto encode = [&](const std::string& csv, const Table& table) {
    return make_dataset(parse_csv(csv, "t.csv"), options).encoding.encode_raw(table, {3, 1});
  };
  const Table images = parse(small, small_labels);
  Matrix expected(2, 3);
  expected << 32, 1, 13, 0, 1, 11;
  EXPECT_EQ(encode("x2,label,x0,y\n1,2,3,0.5\n4,5,6,1.5\n", images), expected);
  expect_begins(error_of<DataError>([&] { encode("a,y\n1,0.5\n2,1.5\n", images); }),
                "t.idx: column 'a', which the model needs, is missing");
  options.one_hot = {"x0"};
  expect_begins(error_of<DataError>([&] { encode("x0,y\n1,0.5\n2,1.5\n", images); }),
                "t.idx: column 'x0' is one of categories");
}

TEST(IdxEncoding, ComesBackFromAFileAsItWas) {
  const Encoding encoding = make_dataset(parse(small, small_labels), {}).encoding;
  TensorFile file;
  encoding.save(file);
  const Encoding loaded = Encoding::load(TensorFile::parse(file.bytes(), "m"));
  EXPECT_EQ(loaded.input_names, encoding.input_names);
  EXPECT_EQ(loaded.encode(parse(small)), encoding.encode(parse(small)));
}

// ---- properties ---------------------------------------------------------------------------------

/// The table of a file of images as CSV text.
std::string as_csv(const Table& table) {
  std::string text = "label";
  for (Index j = 0; j < table.packed.cols(); ++j) text += fmt::format(",x{}", j);
  for (Index i = 0; i < table.rows(); ++i) {
    text += fmt::format("\n{}", table.columns[0].numbers[static_cast<std::size_t>(i)]);
    for (Index j = 0; j < table.packed.cols(); ++j) text += fmt::format(",{}", table.packed(i, j));
  }
  return text + "\n";
}

/// Numbers of a random type and scale, and labels of two classes or of a regression.
Table random_images(RandomStream& random, Index rows, Index columns) {
  const auto sizes = {static_cast<std::uint32_t>(rows), static_cast<std::uint32_t>(columns)};
  std::string file = idx_header(0x08, sizes);
  if (random.below(2) == 0) {
    for (Index k = 0; k < rows * columns; ++k)
      file += static_cast<char>(k % columns == 2 ? 9 : random.below(3) * random.below(128));
  } else {
    file = idx_header(0x0E, sizes);
    const double scale = std::exp(20 * random.normal());
    for (Index k = 0; k < rows * columns; ++k)
      file += big_endian(
          std::bit_cast<std::uint64_t>(k % columns == 2 ? 0 : scale * random.normal()), 8);
  }
  std::string labels;
  const std::uint64_t values = random.below(2) == 0 ? 2 : 200;
  for (Index i = 0; i < rows; ++i)
    labels += static_cast<char>(i < 2 ? i : static_cast<Index>(random.below(values)));
  return parse(file, idx_file({static_cast<std::uint32_t>(rows)}, labels));
}

void require_equal_parts(const Part& images, const Part& csv) {
  RC_ASSERT(images.rows == csv.rows);
  RC_ASSERT(images.labels == csv.labels);
  RC_ASSERT(images.targets == csv.targets);
  if (csv.size() == 0) return;
  // Means are summed in another order: only rounding differs.
  const double bound = 1e-12 * (1 + csv.inputs.cwiseAbs().maxCoeff());
  RC_ASSERT((images.inputs - csv.inputs).cwiseAbs().maxCoeff() <= bound);
}

RC_GTEST_PROP(IdxProperty, ImagesAndCsvGiveEqualDataSets, ()) {
  RandomStream random(*rc::gen::arbitrary<std::uint64_t>(), "images");
  const Table images =
      random_images(random, *rc::gen::inRange<Index>(30, 90), *rc::gen::inRange<Index>(4, 12));
  const Table csv = parse_csv(as_csv(images), "t.csv");
  DatasetOptions options;
  options.standardize = *rc::gen::arbitrary<bool>();
  options.validation = *rc::gen::element(0.0, 0.2);
  options.test = *rc::gen::element(0.0, 0.3);
  options.seed = *rc::gen::inRange<std::uint64_t>(0, 100);
  if (*rc::gen::arbitrary<bool>()) options.drop = {"x1", "x3"};
  const Dataset from_images = make_dataset(images, options);
  options.targets = {"label"};
  const Dataset from_csv = make_dataset(csv, options);
  RC_ASSERT(from_images.encoding.input_names == from_csv.encoding.input_names);
  RC_ASSERT(from_images.encoding.classes == from_csv.encoding.classes);
  RC_ASSERT(from_images.dropped_columns == from_csv.dropped_columns);
  RC_ASSERT(from_images.notices == from_csv.notices);
  for (const auto part : {&Dataset::train, &Dataset::validation, &Dataset::test})
    require_equal_parts(from_images.*part, from_csv.*part);
  for (const Encoding* encoding : {&from_images.encoding, &from_csv.encoding})
    RC_ASSERT(encoding->encode(images) == encoding->encode(csv));
}

TEST(IdxFuzz, AnyBytesGiveATableOrAnError) {
  RandomStream random(31, "idx fuzz");
  const std::string that_matter = "\0\1\2\3\4\5\x08\x09\x0B\x0C\x0D\x0E\xFF\x7F\x80"s;
  int accepted = 0, refused = 0;
  for (int i = 0; i < 20000; ++i) {
    const bool of_labels = random.below(4) == 0;
    // A file of numbers of 4 bytes now and then: a changed type fits.
    const std::string& whole =
        random.below(3) == 0 ? small : idx_header(0x0C, {2, 3}) + pixels.substr(0, 24);
    const std::string bytes = of_labels ? small : mutated_text(whole, that_matter, 2, random);
    std::optional<std::string> labels;
    if (of_labels) labels = mutated_text(small_labels, that_matter, 2, random);
    try {
      const Table table = parse(bytes, labels);
      ++accepted;
      if (table.format != "IDX") continue;
      ASSERT_EQ(table.packed.rows(), table.rows());
      ASSERT_TRUE(unpacked(table.packed).allFinite());
      for (const Column& column : table.columns)
        ASSERT_EQ(static_cast<Index>(column.numbers.size()), table.rows());
    } catch (const Error& error) {
      ++refused;
      ASSERT_EQ(error.kind(), ErrorKind::data) << error.what();
    }
  }
  EXPECT_GT(accepted, 1000);  // the mutations reach both sides
  EXPECT_GT(refused, 1000);
}

// ---- published files ----------------------------------------------------------------------------

std::filesystem::path published(const std::string& file) {
  const char* const folder = std::getenv("THALWEG_TEST_DATA");
  return folder == nullptr ? std::filesystem::path() : std::filesystem::path(folder) / file;
}

struct Published {
  std::string images, labels;
  Index rows;
};

class IdxPublished : public testing::TestWithParam<Published> {};

TEST_P(IdxPublished, IsReadAsADataSet) {
  const auto images = published(GetParam().images), labels = published(GetParam().labels);
  if (images.empty()) GTEST_SKIP() << "THALWEG_TEST_DATA is not set";
  if (!std::filesystem::exists(images)) GTEST_SKIP() << images << " is absent";
  const Table table = read_table(images.string(), {}, labels.string());
  ASSERT_EQ(table.rows(), GetParam().rows);
  EXPECT_EQ(table.sample_shape, (std::vector<Index>{28, 28}));
  DatasetOptions options;
  options.test = 0.1;
  const Dataset dataset = make_dataset(table, options);
  EXPECT_EQ(dataset.encoding.classes, (Strings{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}));
  EXPECT_EQ(dataset.test.size(), GetParam().rows / 10);
  // Explicit linear algebra on the pixels.
  const Encoding& encoding = dataset.encoding;
  const Matrix raw = encoding.encode_raw(table, dataset.train.rows);
  EXPECT_EQ(raw.minCoeff(), 0);
  EXPECT_EQ(raw.maxCoeff(), 255);
  const auto n = static_cast<double>(raw.rows());
  const Vector mean = raw.colwise().sum() / n;
  const Vector scale = ((raw.rowwise() - mean.transpose()).colwise().squaredNorm() / n).cwiseSqrt();
  EXPECT_TRUE(encoding.input_mean.isApprox(mean, 1e-12));
  EXPECT_TRUE(encoding.input_scale.isApprox(scale, 1e-12));
  EXPECT_LT(encoding.inputs() + dataset.dropped_column_count, 785);
}

INSTANTIATE_TEST_SUITE_P(Files, IdxPublished,
                         testing::Values(Published{"mnist/train12k-images-idx3-ubyte.gz",
                                                   "mnist/train12k-labels-idx1-ubyte.gz", 12000},
                                         Published{"fashion_mnist/test2k-images-idx3-ubyte.gz",
                                                   "fashion_mnist/test2k-labels-idx1-ubyte.gz",
                                                   2000}));

}  // namespace
}  // namespace thalweg
