// Reading LIBSVM text: what is understood, what is refused and with which words, no crash on any
// bytes, and the same data sets as from CSV.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "mutated_text.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/data/dataset.hpp"
#include "thalweg/data/table.hpp"

namespace thalweg {
namespace {

using Strings = std::vector<std::string>;

Table parse(const std::string& bytes) { return parse_libsvm(bytes, "t.svm"); }

std::string error_of(const std::string& bytes) {
  try {
    parse(bytes);
  } catch (const DataError& error) {
    return error.what();
  }
  return "accepted";
}

void expect_begins(const std::string& message, const std::string& beginning) {
  EXPECT_EQ(message.substr(0, beginning.size()), beginning) << message;
}

void expect_error(const std::string& bytes, const std::string& beginning) {
  const std::string message = error_of(bytes);
  expect_begins(message, beginning);
  EXPECT_NE(message.find("; "), std::string::npos) << "no remedy: " << message;
}

Matrix dense(const SparseMatrix& sparse) { return Matrix(sparse); }

// ---- what is understood -------------------------------------------------------------------------

TEST(Libsvm, LabelsAndPairs) {
  const Table table = parse("+1 1:0.5 3:-2e1\n-1 2:.25\n1\n");
  ASSERT_EQ(table.rows(), 3);
  EXPECT_TRUE(table.is_sparse());
  ASSERT_EQ(table.columns.size(), 1U);
  EXPECT_EQ(table.columns[0].name, "label");
  EXPECT_TRUE(table.columns[0].numeric);
  EXPECT_EQ(table.columns[0].numbers, (std::vector<double>{1, -1, 1}));
  Matrix expected(3, 3);
  expected << 0.5, 0, -20, 0, 0.25, 0, 0, 0, 0;
  EXPECT_EQ(dense(table.sparse), expected);
  EXPECT_TRUE(table.sparse.isCompressed());
  EXPECT_EQ(table.sparse.nonZeros(), 3);
  EXPECT_FALSE(table.header_found);
  EXPECT_EQ(own_target(table), "label");
}

TEST(Libsvm, BlanksCommentsAndLineEnds) {
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    const Table table = parse("\xEF\xBB\xBF# made by hand" + end + end + " 1\t2:3  # first: row" +
                              end + "2 1:1 " + end + " \t" + end + "3 1:4#5:6 7");
    EXPECT_EQ(table.columns[0].numbers, (std::vector<double>{1, 2, 3}));
    EXPECT_EQ(table.file_rows, (std::vector<Index>{3, 4, 6}));
    Matrix expected(3, 2);
    expected << 0, 3, 1, 0, 4, 0;
    EXPECT_EQ(dense(table.sparse), expected);
  }
}

TEST(Libsvm, ZerosAreNotStoredButMakeAColumn) {
  const Table table = parse("1 1:1 9:0\n2 2:-0.0 3:1e-400\n");
  EXPECT_EQ(table.sparse.cols(), 9);
  EXPECT_EQ(table.sparse.nonZeros(), 1);
}

TEST(Libsvm, IndicesUpToTheLargestOne) {
  const Table table = parse("1 2147483646:1\n2 00007:1\n");
  EXPECT_EQ(table.sparse.cols(), 2147483646);
  EXPECT_EQ(table.sparse.coeff(1, 6), 1);
  expect_error("1 2147483647:1\n", "t.svm:1:2: the index is above the largest one, 2147483646");
  expect_error("1 1:1 99999999999999999999999999:1\n", "t.svm:1:3: the index is above");
}

TEST(Libsvm, FindsColumnsByNameOrIndex) {
  const Table table = parse("1 1:1 5:1\n2 2:1\n");
  EXPECT_EQ(table.find("label"), 0);
  EXPECT_EQ(table.find("0"), 0);
  EXPECT_EQ(table.find("x0"), 1);
  EXPECT_EQ(table.find("1"), 1);  // as the file writes it
  EXPECT_EQ(table.find("x4"), 5);
  EXPECT_EQ(table.column_name(5), "x4");
  EXPECT_EQ(table.column_name(0), "label");
  for (const std::string name : {"x5", "6", "x", "x04", "x-1", "-1", "x1.0", ""})
    EXPECT_THROW(table.find(name), UsageError) << name;
}

TEST(Libsvm, IsToldFromCsvByTheFirstRowWithPairs) {
  const auto is_sparse = [](const std::string& bytes, CsvOptions options = {}) {
    return parse_table(bytes, "t", options).is_sparse();
  };
  EXPECT_TRUE(is_sparse("1 1:2\n"));
  EXPECT_TRUE(is_sparse("# x,y\n-1\n-1\n+1 3:1\n"));
  EXPECT_TRUE(is_sparse("\xEF\xBB\xBF-1.5e0 3:1 4:1\r\n"));
  EXPECT_TRUE(is_sparse("1\t3:1\n"));
  EXPECT_FALSE(is_sparse("7\t12:30\tred\tlarge\n8\t12:45\tblue\tlarge\n"));
  EXPECT_FALSE(is_sparse("a,b\n1,2\n"));
  EXPECT_FALSE(is_sparse("1\n2\n3\n"));
  EXPECT_FALSE(is_sparse("1 2 3\n4 5 6\n"));
  EXPECT_FALSE(is_sparse("1,12:30\n2,12:40\n"));
  EXPECT_FALSE(is_sparse("x 1:2\ny 1:3\n"));
  EXPECT_FALSE(is_sparse("1 12:30:15\n2 12:30:45\n"));
  EXPECT_FALSE(is_sparse("1 1:2\n2 1:3\n", {','}));  // a delimiter was given
  // What was meant as LIBSVM gets the errors of LIBSVM.
  for (const std::string row :
       {"1 qid:3 a:2", "1 a:3 1:2", "1 1:nan", "nan 1:1", "1 0:1", "1 2:1e999"})
    EXPECT_THROW(make_dataset(parse_table(row + "\n1 1:2\n", "t"), {}), DataError) << row;
}

// ---- what is refused ----------------------------------------------------------------------------

TEST(LibsvmErrors, EmptyFiles) {
  expect_error("", "t.svm: the file is empty");
  expect_error("\n# nothing\n \r\n", "t.svm: the file is empty");
}

TEST(LibsvmErrors, Labels) {
  expect_error("1 1:1\ncat 1:1\n", "t.svm:2:1: the label \"cat\" is not a number");
  expect_error("1:1 2:1\n", "t.svm:1:1: the row has no label");
  expect_error("1,3 2:1\n", "t.svm:1:1: \"1,3\" is not one label");
}

TEST(LibsvmErrors, LabelsThatAreNotFiniteAreRefusedWhereUsed) {
  for (const std::string label : {"inf", "-nan", "1e999"}) {
    const Table table = parse("1 1:1\n" + label + " 2:1\n0 1:3\n");
    try {
      make_dataset(table, {});
      FAIL() << label;
    } catch (const DataError& error) {
      expect_begins(error.what(), "t.svm:2:1: \"" + label + "\" is not a finite number");
    }
  }
}

TEST(LibsvmErrors, Pairs) {
  expect_error("1 1:1 2\n", "t.svm:1:3: \"2\" is not index:value");
  expect_error("1 a:1\n", "t.svm:1:2: \"a:1\" is not index:value");
  expect_error("1 -3:1\n", "t.svm:1:2: \"-3:1\" is not index:value");
  expect_error("1 1 :2\n", "t.svm:1:2: \"1\" is not index:value");
  expect_error("1 1: 2\n", "t.svm:1:2: the value of index 1 is missing");
  expect_error("1 1:2 7:#x\n", "t.svm:1:3: the value of index 7 is missing");
  expect_error("\n1 1:2 4:x\n", "t.svm:2:3: \"x\", the value of index 4, is not a number");
  expect_error("1 4:1,5\n", "t.svm:1:2: \"1,5\", the value of index 4, is not a number");
  expect_error("1 4:1:5\n", "t.svm:1:2: \"1:5\", the value of index 4, is not a number");
  for (const std::string value : {"inf", "-Infinity", "NaN", "1e999", "-1e400"})
    expect_error("1 1:1 4:" + value + "\n",
                 "t.svm:1:3: \"" + value + "\", the value of index 4, is not a finite number");
  expect_error("1 qid:7 1:1\n", "t.svm:1:2: \"qid:7\": ranking by queries is not supported");
}

TEST(LibsvmErrors, Indices) {
  expect_error("1 0:1 1:1\n", "t.svm:1:2: index 0, where indices begin at 1; add 1");
  expect_error("1 1:1\n1 2:1 5:1 3:1\n", "t.svm:2:4: index 3 comes behind index 5");
  expect_error("1 2:1 2:1\n", "t.svm:1:3: index 2 is there twice in this row");
}

TEST(LibsvmErrors, Encoding) {
  using namespace std::string_literals;
  expect_error("1 1:1\r\n2 1:1 2:\0\n"s, "t.svm:2:3: a NUL byte");
  expect_error("1 1:1\n1 2:1 # caf\xE9\n", "t.svm:2:4: byte 0xe9 is not UTF-8");
  expect_error("1 1:1\r\r1 \xE9", "t.svm:3:2: byte 0xe9 is not UTF-8");
  expect_error("\xFF\xFE\x31\0"s, "t.svm:1:1: the text is UTF-16");
}

// ---- data sets ----------------------------------------------------------------------------------

DatasetOptions sparse_options() {
  DatasetOptions options;
  options.keep_sparse = true;
  return options;
}

template <class Kind>
std::string dataset_error(const std::string& bytes, const DatasetOptions& options) {
  try {
    make_dataset(parse(bytes), options);
  } catch (const Kind& error) {
    return error.what();
  }
  return "accepted";
}

const std::string small =
    "+1 1:1 2:7 4:2\n-1 1:2 2:7\n-1.0 2:7 4:-1 6:5\n1 1:3 2:7\n+1 1:5 2:7 6:1\n";

TEST(LibsvmDataset, TakesItsLabelsAsTarget) {
  const Dataset dataset = make_dataset(parse(small), sparse_options());
  const Encoding& encoding = dataset.encoding;
  EXPECT_EQ(encoding.targets, (Strings{"label"}));
  EXPECT_EQ(encoding.task, Task::classification);
  EXPECT_EQ(encoding.classes, (Strings{"-1", "1"}));
  EXPECT_EQ(dataset.train.labels, (std::vector<int>{1, 0, 0, 1, 1}));
  EXPECT_EQ(encoding.input_names, (Strings{"x0", "x3", "x5"}));
  EXPECT_EQ(dataset.dropped_columns, (Strings{"x1", "x2", "x4"}));  // constant, zero, zero
  EXPECT_EQ(dataset.dropped_column_count, 3);
  EXPECT_EQ(dataset.train.size(), 5);
  EXPECT_TRUE(dataset.train.is_sparse());
  EXPECT_EQ(dataset.train.inputs.size(), 0);
  Matrix raw(5, 3);
  raw << 1, 2, 0, 2, 0, 0, 0, -1, 5, 3, 0, 0, 5, 0, 1;
  EXPECT_EQ(dense(dataset.train.sparse), raw);
  for (const std::string name : {"label", "0"}) {
    auto options = sparse_options();
    options.targets = {name};
    EXPECT_EQ(dense(make_dataset(parse(small), options).train.sparse), raw);
  }
}

TEST(LibsvmDataset, ImplicitZerosCountInMeanAndScale) {
  const Encoding encoding = make_dataset(parse(small), sparse_options()).encoding;
  // By hand: x0 = 1 2 0 3 5, x3 = 2 0 -1 0 0, x5 = 0 0 5 0 1.
  EXPECT_DOUBLE_EQ(encoding.input_mean[0], 11.0 / 5);
  EXPECT_DOUBLE_EQ(encoding.input_mean[1], 0.2);
  EXPECT_DOUBLE_EQ(encoding.input_mean[2], 6.0 / 5);
  EXPECT_DOUBLE_EQ(encoding.input_scale[0], std::sqrt(39.0 / 5 - 121.0 / 25));
  EXPECT_DOUBLE_EQ(encoding.input_scale[1], std::sqrt(1 - 0.04));
  EXPECT_DOUBLE_EQ(encoding.input_scale[2], std::sqrt(26.0 / 5 - 36.0 / 25));
  auto options = sparse_options();
  options.standardize = false;
  const Encoding raw = make_dataset(parse(small), options).encoding;
  EXPECT_EQ(raw.input_mean, Vector::Zero(3));
  EXPECT_EQ(raw.input_scale, Vector::Ones(3));
}

TEST(LibsvmDataset, MadeDenseItIsStandardized) {
  const Dataset sparse = make_dataset(parse(small), sparse_options());
  const Dataset made_dense = make_dataset(parse(small), {});
  EXPECT_FALSE(made_dense.train.is_sparse());
  EXPECT_EQ(made_dense.encoding.input_mean, sparse.encoding.input_mean);
  EXPECT_EQ(made_dense.encoding.input_scale, sparse.encoding.input_scale);
  EXPECT_EQ(made_dense.train.inputs, sparse.encoding.standardized(dense(sparse.train.sparse)));
}

TEST(LibsvmDataset, ChoosesColumns) {
  auto options = sparse_options();
  options.features = {"x5", "1"};  // index 1 is x0
  Dataset dataset = make_dataset(parse(small), options);
  EXPECT_EQ(dataset.encoding.input_names, (Strings{"x0", "x5"}));
  EXPECT_EQ(dataset.dropped_column_count, 0);
  Matrix raw(5, 2);
  raw << 1, 0, 2, 0, 0, 5, 3, 0, 5, 1;
  EXPECT_EQ(dense(dataset.train.sparse), raw);
  options.features = {};
  options.drop = {"x5", "x1", "3"};  // index 3 is x2
  dataset = make_dataset(parse(small), options);
  EXPECT_EQ(dataset.encoding.input_names, (Strings{"x0", "x3"}));
  EXPECT_EQ(dataset.dropped_columns, (Strings{"x4"}));
}

TEST(LibsvmDataset, RefusesContradictoryColumns) {
  const auto refused = [](auto change) {
    auto options = sparse_options();
    change(options);
    return dataset_error<UsageError>(small, options);
  };
  expect_begins(refused([](auto& o) { o.targets = {"x0"}; }),
                "--target: the target of LIBSVM data is 'label'");
  expect_begins(refused([](auto& o) { o.one_hot = {"x0"}; }),
                "--categorical: columns of LIBSVM data hold numbers");
  expect_begins(refused([](auto& o) { o.drop = {"x6"}; }),
                "t.svm: no column 'x6'; the columns are label, x0 to x5, or 0 to 6");
  expect_begins(refused([](auto& o) { o.features = {"label"}; }), "column 'label' is in both");
  expect_begins(refused([](auto& o) {
                  o.features = {"x1", "2"};
                }),
                "--features: column 'x1' is named twice");
  expect_begins(refused([](auto& o) { o.drop = {"x0", "x1", "x2", "x3", "x4", "x5"}; }),
                "t.svm: no feature column is left");
}

TEST(LibsvmDataset, RefusesWhatCannotBeTrainedOn) {
  expect_begins(dataset_error<DataError>("1 1:1\n", {}), "t.svm: 1 usable row of 1");
  expect_begins(dataset_error<DataError>("1 1:2\n2 1:2\n", {}),
                "t.svm: every feature is constant on the training rows");
  expect_begins(dataset_error<DataError>("1 1:2\n1 1:3\n", {}),
                "t.svm:1:1: every row of target 'label' is of class '1'");
  expect_begins(dataset_error<UsageError>("1\n2\n", {}), "t.svm: no feature column is left");
}

TEST(LibsvmDataset, ColumnsThatAreNotThereCostNothing) {
  auto options = sparse_options();
  const Dataset dataset = make_dataset(parse("1 1:2 2147483646:5\n2 7:3\n"), options);
  EXPECT_EQ(dataset.encoding.input_names, (Strings{"x0", "x6", "x2147483645"}));
  EXPECT_EQ(dataset.dropped_column_count, 2147483646 - 3);
  EXPECT_EQ(dataset.dropped_columns.size(), 1000U);
  EXPECT_EQ(dataset.dropped_columns.back(), "x1001");
  EXPECT_LT(dataset.notices.back().size(), 300U);
  EXPECT_NE(dataset.notices.back().find("and 2147483623 more"), std::string::npos)
      << dataset.notices.back();
}

TEST(LibsvmDataset, RefusesToBeMadeDenseBeyondTheMemoryLimit) {
  DatasetOptions options;
  options.memory_limit = 5 * 3 * sizeof(double);
  EXPECT_EQ(make_dataset(parse(small), options).train.inputs.size(), 15);
  options.memory_limit -= 1;
  expect_begins(dataset_error<RefusedError>(small, options),
                "t.svm: 5 rows of 3 inputs take 1.2e-07 GB as dense numbers");
  options.keep_sparse = true;
  EXPECT_EQ(make_dataset(parse(small), options).train.sparse.rows(), 5);
}

TEST(LibsvmDataset, ExtremeNumbersAreStandardized) {
  for (const std::string exponent : {"e300", "e307", "e-300", "e-312"}) {
    const Dataset dataset =
        make_dataset(parse("0.5 1:1" + exponent + "\n1.5 1:-1" + exponent + "\n2.5\n3.5\n"), {});
    EXPECT_NEAR(dataset.train.inputs(0, 0), std::sqrt(2.0), 1e-6) << exponent;
    EXPECT_NEAR(dataset.train.inputs(1, 0), -std::sqrt(2.0), 1e-6) << exponent;
    EXPECT_EQ(dataset.train.inputs(2, 0), 0) << exponent;
  }
}

// ---- encoding new tables ------------------------------------------------------------------------

TEST(LibsvmEncoding, FormatsMixWhereNamesMatch) {
  const Encoding encoding = make_dataset(parse(small), sparse_options()).encoding;  // x0 x3 x5
  const Table csv = parse_csv("x5,x3,extra,x0\n0,2,a,1\n5,-1,b,0\n", "t.csv");
  const Table libsvm = parse("0 1:1 4:2 9:1\n0 4:-1 6:5\n");
  EXPECT_EQ(dense(encoding.encode_sparse(csv)), dense(encoding.encode_sparse(libsvm)));
  EXPECT_EQ(encoding.encode(csv), encoding.encode(libsvm));
  EXPECT_EQ(encoding.encode(libsvm), encoding.standardized(dense(encoding.encode_sparse(libsvm))));
  EXPECT_EQ(encoding.encode_sparse(csv).nonZeros(), 4);
  // Columns that the file does not reach are zero; other columns are missing.
  Matrix row(1, 3);
  row << 0, 0, 0;
  EXPECT_EQ(dense(encoding.encode_sparse(parse("0 2:1\n"))), row);
  EXPECT_THROW(encoding.encode(parse_csv("x0,x3\n1,2\n", "t.csv")), DataError);
}

TEST(LibsvmEncoding, TheColumnsOfAModelFromCsvMayHaveAnyOrder) {
  DatasetOptions options;
  options.targets = {"y"};
  const std::string csv = "x2,x0,y\n1,2,0.5\n3,5,1.5\n2,7,2.5\n";
  const Encoding encoding = make_dataset(parse_csv(csv, "t.csv"), options).encoding;
  const Table libsvm = parse("0 1:2 3:1\n0 1:5 2:9 3:3\n");
  Matrix raw(2, 2);
  raw << 1, 2, 3, 5;
  EXPECT_EQ(dense(encoding.encode_sparse(libsvm)), raw);
  EXPECT_EQ(encoding.encode_raw(libsvm, {1}), raw.row(1));
}

TEST(LibsvmEncoding, RefusesColumnsItCannotHave) {
  DatasetOptions options;
  options.targets = {"y"};
  const auto encode = [&](const std::string& csv) {
    const Encoding encoding = make_dataset(parse_csv(csv, "t.csv"), options).encoding;
    try {
      encoding.encode_sparse(parse("0 1:1\n"));
    } catch (const DataError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_EQ(encode("x0,y\n1,0.5\n2,1.5\n"), "accepted");
  EXPECT_EQ(encode("label,x0,y\n1,3,0.5\n2,4,1.5\n"), "accepted");  // labels may be features
  expect_begins(encode("a,y\n1,0.5\n2,1.5\n"), "t.svm: column 'a', which the model needs");
  options.one_hot = {"x0"};
  expect_begins(encode("x0,y\n1,0.5\n2,1.5\n"), "t.svm: column 'x0' is one of categories");
}

TEST(LibsvmEncoding, ComesBackFromAFileAsItWas) {
  auto options = sparse_options();
  for (const Missing missing : {Missing::refuse, Missing::mean}) {
    options.missing = missing;
    const Encoding encoding = make_dataset(parse(small), options).encoding;
    TensorFile file;
    encoding.save(file);
    const Encoding loaded = Encoding::load(TensorFile::parse(file.bytes(), "m"));
    TensorFile again;
    loaded.save(again);
    EXPECT_EQ(again.bytes(), file.bytes());
    EXPECT_EQ(loaded.input_names, encoding.input_names);
    EXPECT_EQ(loaded.encode(parse(small)), encoding.encode(parse(small)));
  }
}

TEST(LibsvmEncoding, ManyColumnsDoNotSwellTheHeaderOfAFile) {
  // A header above 100 MB is refused, as a million columns would make it.
  std::string bytes;
  constexpr int columns = 20'000;
  for (const char* label : {"1", "2"}) {
    bytes += label;
    for (int j = 1; j <= columns; ++j) bytes += fmt::format(" {}:{}", j, label);
    bytes += "\n";
  }
  const Encoding encoding = make_dataset(parse(bytes), sparse_options()).encoding;
  ASSERT_EQ(encoding.inputs(), columns);
  TensorFile file;
  encoding.save(file);
  EXPECT_LT(file.metadata.at("encoding").size(), 1000U);
  const Encoding loaded = Encoding::load(TensorFile::parse(file.bytes(), "m"));
  EXPECT_EQ(loaded.input_names, encoding.input_names);
}

TEST(LibsvmEncoding, RefusesColumnsThatContradictEachOther) {
  const auto load_with = [](std::vector<std::int64_t> columns) {
    TensorFile file;
    make_dataset(parse(small), sparse_options()).encoding.save(file);  // 0 3 5
    file.put("encoding.columns", std::move(columns));
    return Encoding::load(file).inputs();
  };
  EXPECT_EQ(load_with({2, 4, 7}), 3);
  EXPECT_THROW(load_with({0, 3}), DataError);
  EXPECT_THROW(load_with({0, 3, 3}), DataError);
  EXPECT_THROW(load_with({-1, 3, 5}), DataError);
  EXPECT_THROW(load_with({}), DataError);
}

// ---- properties ---------------------------------------------------------------------------------

/// A random sparse table in both formats: columns x0 ... of numbers of all sizes, labels in front.
struct TwoFormats {
  std::string libsvm, csv;
};

TwoFormats random_table(RandomStream& random, Index rows, Index columns, Index classes) {
  TwoFormats text;
  text.csv = "label";
  for (Index j = 0; j < columns; ++j) text.csv += fmt::format(",x{}", j);
  for (Index i = 0; i < rows; ++i) {
    // Each class occurs; labels beyond are numbers with a fraction: a regression.
    const std::string label =
        classes > 0 ? fmt::format("{}", i < classes ? i
                                                    : static_cast<Index>(random.below(
                                                          static_cast<std::uint64_t>(classes))))
                    : fmt::format("{}", random.normal());
    text.libsvm += label;
    text.csv += "\n" + label;
    for (Index j = 0; j < columns; ++j) {
      const double density = j % 4 == 0 ? 1 : 0.25;
      const double value = j % 7 == 5 ? 2.5  // constant where dense
                           : random.uniform() < density
                               ? random.normal() * std::exp(3 * random.normal())
                               : 0;
      // The last column is written even where it is zero, so that both have all columns.
      if (value != 0 || (i == 0 && j + 1 == columns))
        text.libsvm += fmt::format(" {}:{}", j + 1, value);
      text.csv += fmt::format(",{}", value);
    }
    text.libsvm += random.below(5) == 0 ? "\t# comment\r\n" : "\n";
  }
  return text;
}

void require_equal_parts(const Part& sparse, const Part& from_libsvm, const Part& from_csv,
                         const Encoding& encoding) {
  RC_ASSERT(sparse.rows == from_csv.rows);
  RC_ASSERT(from_libsvm.rows == from_csv.rows);
  RC_ASSERT(sparse.labels == from_csv.labels);
  RC_ASSERT(sparse.targets == from_csv.targets);
  RC_ASSERT(sparse.raw_targets == from_csv.raw_targets);
  if (from_csv.size() == 0) return;
  // Means are summed in another order: only rounding differs.
  const auto close = [](const Matrix& a, const Matrix& b) {
    return a.rows() == b.rows() &&
           (a - b).cwiseAbs().maxCoeff() <= 1e-12 * (1 + b.cwiseAbs().maxCoeff());
  };
  RC_ASSERT(close(from_libsvm.inputs, from_csv.inputs));
  RC_ASSERT(close(encoding.standardized(dense(sparse.sparse)), from_csv.inputs));
}

RC_GTEST_PROP(LibsvmProperty, BothFormatsGiveEqualDataSets, ()) {
  RandomStream random(*rc::gen::arbitrary<std::uint64_t>(), "tables");
  const auto rows = *rc::gen::inRange<Index>(12, 40);
  const auto columns = *rc::gen::inRange<Index>(1, 12);
  const auto classes = *rc::gen::element<Index>(0, 2, 3);
  const TwoFormats text = random_table(random, rows, columns, classes);
  const Table libsvm = parse_table(text.libsvm, "t.svm"), csv = parse_table(text.csv, "t.csv");
  RC_ASSERT(libsvm.is_sparse() && !csv.is_sparse());

  DatasetOptions options;
  options.standardize = *rc::gen::arbitrary<bool>();
  options.validation = *rc::gen::element(0.0, 0.2);
  options.test = *rc::gen::element(0.0, 0.3);
  options.seed = *rc::gen::inRange<std::uint64_t>(0, 100);
  if (columns > 4 && *rc::gen::arbitrary<bool>()) options.drop = {"x1", "x3"};
  const Dataset from_libsvm = make_dataset(libsvm, options);
  options.keep_sparse = true;
  const Dataset sparse = make_dataset(libsvm, options);
  options.targets = {"label"};
  const Dataset from_csv = make_dataset(csv, options);

  RC_ASSERT(sparse.encoding.input_names == from_csv.encoding.input_names);
  RC_ASSERT(sparse.encoding.classes == from_csv.encoding.classes);
  RC_ASSERT(sparse.dropped_columns == from_csv.dropped_columns);
  RC_ASSERT(sparse.notices == from_csv.notices);
  for (const auto part : {&Dataset::train, &Dataset::validation, &Dataset::test})
    require_equal_parts(sparse.*part, from_libsvm.*part, from_csv.*part, sparse.encoding);
  // New rows, in either format, by a model of either format.
  for (const Encoding* encoding : {&sparse.encoding, &from_csv.encoding}) {
    RC_ASSERT(encoding->encode(libsvm) == encoding->encode(csv));
    RC_ASSERT(dense(encoding->encode_sparse(libsvm)) == dense(encoding->encode_sparse(csv)));
  }
}

RC_GTEST_PROP(LibsvmProperty, NumbersComeBackBitForBit, (const std::vector<double>& values)) {
  std::string bytes;
  for (std::size_t i = 0; i < values.size(); ++i)
    bytes += fmt::format("{} {}:{}\n", values[i], i + 1, values[i]);
  RC_PRE(!values.empty());
  const Table table = parse(bytes);
  RC_ASSERT(table.columns[0].numbers == values);
  for (std::size_t i = 0; i < values.size(); ++i)
    RC_ASSERT(table.sparse.coeff(static_cast<Index>(i), static_cast<Index>(i)) == values[i]);
}

std::string mutated(RandomStream& random) {
  using namespace std::string_literals;
  static const std::string seed_bytes = "+1 1:0.5 3:-2e1 # note\r\n-1 2:.25 17:3\n\n1\n0 4:1e-3\n";
  static const std::string bytes_that_matter = ":: \t#\n\r\0\xFF\xC3"s + "e+-.09n,q";
  return mutated_text(seed_bytes, bytes_that_matter, 4, random);
}

TEST(LibsvmFuzz, AnyBytesGiveATableOrAnError) {
  RandomStream random(21, "libsvm fuzz");
  int accepted = 0, refused = 0;
  for (int i = 0; i < 20000; ++i) {
    const std::string bytes = mutated(random);
    try {
      const Table table = parse(bytes);
      ++accepted;
      ASSERT_EQ(static_cast<Index>(table.columns[0].numbers.size()), table.rows());
      ASSERT_EQ(table.sparse.rows(), table.rows());
      for (Index k = 0; k < table.sparse.nonZeros(); ++k) {
        ASSERT_LT(table.sparse.innerIndexPtr()[k], table.sparse.cols());
        ASSERT_TRUE(std::isfinite(table.sparse.valuePtr()[k]));
      }
    } catch (const Error& error) {
      ++refused;
      ASSERT_EQ(error.kind(), ErrorKind::data) << error.what();
    }
  }
  EXPECT_GT(accepted, 1000);  // the mutations reach both sides
  EXPECT_GT(refused, 1000);
}

// ---- a large table ------------------------------------------------------------------------------

TEST(LibsvmLarge, W8a) {
  const char* const folder = std::getenv("THALWEG_TEST_DATA");
  if (folder == nullptr) GTEST_SKIP() << "THALWEG_TEST_DATA is not set";
  const std::filesystem::path path = std::filesystem::path(folder) / "w8a" / "raw" / "w8a.gz";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent";
  const Table table = read_table(path.string());
  ASSERT_EQ(table.rows(), 49749);
  EXPECT_EQ(table.sparse.cols(), 300);
  EXPECT_EQ(table.sparse.nonZeros(), 579586);
  auto options = sparse_options();
  options.test = 0.2;
  const Dataset dataset = make_dataset(table, options);
  EXPECT_EQ(dataset.encoding.classes, (Strings{"-1", "1"}));
  EXPECT_EQ(dataset.test.size(), 9950);
  // Explicit linear algebra on the dense table.
  const Matrix raw = dense(dataset.train.sparse);
  const auto n = static_cast<double>(raw.rows());
  const Vector mean = raw.colwise().sum() / n;
  const Vector scale = ((raw.rowwise() - mean.transpose()).colwise().squaredNorm() / n).cwiseSqrt();
  EXPECT_TRUE(dataset.encoding.input_mean.isApprox(mean, 1e-12));
  EXPECT_TRUE(dataset.encoding.input_scale.isApprox(scale, 1e-12));
}

}  // namespace
}  // namespace thalweg
