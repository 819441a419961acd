// From table to data set: choices, refusals, splits, scaling; against numbers worked out by hand.
#include "thalweg/data/dataset.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"

namespace thalweg {
namespace {

using Strings = std::vector<std::string>;

Table parse(const std::string& bytes) { return parse_csv(bytes, "t.csv"); }

DatasetOptions target(const std::string& name) {
  DatasetOptions options;
  options.targets = {name};
  return options;
}

template <class Kind>
std::string error_of(const Table& table, const DatasetOptions& options) {
  try {
    make_dataset(table, options);
  } catch (const Kind& error) {
    return error.what();
  } catch (const Error& error) {
    return std::string("another kind: ") + error.what();
  }
  return "accepted";
}

void expect_begins(const std::string& message, const std::string& beginning) {
  EXPECT_EQ(message.substr(0, beginning.size()), beginning) << message;
}

/// n rows: a = 0, 1, ..., b = a^2, y = 2 a + 0.5.
Table numbered(int n) {
  std::string bytes = "a,b,y\n";
  for (int i = 0; i < n; ++i)
    bytes += std::to_string(i) + "," + std::to_string(i * i) + "," + std::to_string(2 * i) + ".5\n";
  return parse(bytes);
}

// ---- columns ------------------------------------------------------------------------------------

TEST(Dataset, UsesAllColumnsButTheTarget) {
  const Dataset dataset = make_dataset(numbered(5), target("y"));
  EXPECT_EQ(dataset.encoding.input_names, (Strings{"a", "b"}));
  EXPECT_EQ(dataset.encoding.targets, (Strings{"y"}));
  EXPECT_EQ(dataset.train.size(), 5);
  EXPECT_EQ(dataset.validation.size(), 0);
  EXPECT_EQ(dataset.encoding.outputs(), 1);
}

TEST(Dataset, ChoosesColumnsByNameOrIndex) {
  auto options = target("2");
  options.features = {"1"};
  EXPECT_EQ(make_dataset(numbered(5), options).encoding.input_names, (Strings{"b"}));
  options.features = {};
  options.drop = {"b"};
  EXPECT_EQ(make_dataset(numbered(5), options).encoding.input_names, (Strings{"a"}));
}

TEST(Dataset, RefusesContradictoryColumns) {
  const Table table = numbered(5);
  EXPECT_THROW(make_dataset(table, {}), UsageError);
  EXPECT_THROW(make_dataset(table, target("z")), UsageError);
  auto options = target("y");
  options.drop = {"a", "b"};
  EXPECT_THROW(make_dataset(table, options), UsageError);
  options.drop = {"y"};
  EXPECT_THROW(make_dataset(table, options), UsageError);
  options.drop = {};
  options.features = {"a", "y"};
  EXPECT_THROW(make_dataset(table, options), UsageError);
  options.features = {"a", "a"};
  EXPECT_THROW(make_dataset(table, options), UsageError);
  options.features = {"a"};
  options.one_hot = {"b"};
  EXPECT_THROW(make_dataset(table, options), UsageError);
  options.one_hot = {};
  options.task = Task::classification;
  options.targets = {"y", "b"};
  EXPECT_THROW(make_dataset(table, options), UsageError);
}

TEST(Dataset, LeavesOutConstantColumns) {
  const Dataset dataset = make_dataset(parse("a,k,y\n1,7,0.5\n2,7,1.5\n3,7,2.5\n"), target("y"));
  EXPECT_EQ(dataset.dropped_columns, (Strings{"k"}));
  EXPECT_EQ(dataset.encoding.input_names, (Strings{"a"}));
  const auto announces = [](const std::string& notice) {
    return notice.find("constant") != std::string::npos && notice.find("k") != std::string::npos;
  };
  EXPECT_TRUE(std::any_of(dataset.notices.begin(), dataset.notices.end(), announces));
  expect_begins(error_of<DataError>(parse("k,y\n7,0.5\n7,1.5\n"), target("y")),
                "t.csv: every feature is constant");
}

// ---- cells --------------------------------------------------------------------------------------

TEST(Dataset, TextMattersOnlyInAColumnThatIsUsed) {
  const Table table = parse("a,b,y\n1,2,0.5\n2,\"12,3\",1.5\n3,4,2.5\n");
  expect_begins(error_of<DataError>(table, target("y")),
                "t.csv:3:2: \"12,3\" is not a number in column 'b'; a decimal comma? write 12.3");
  auto options = target("y");
  options.drop = {"b"};
  EXPECT_EQ(make_dataset(table, options).train.size(), 3);
}

TEST(Dataset, RemediesNameWhatHelps) {
  const auto message = [](const std::string& cell) {
    return error_of<DataError>(parse("a,b,y\n1,1,0.5\n2," + cell + ",1.5\n3,4,2.5\n"), target("y"));
  };
  EXPECT_NE(message("NA").find("--missing"), std::string::npos);
  EXPECT_NE(message("?").find("--missing"), std::string::npos);
  EXPECT_NE(message("red").find("--categorical onehot:b"), std::string::npos);
  EXPECT_NE(message("\"1,5\"").find("--delimiter ';'"), std::string::npos);
}

TEST(Dataset, NumbersThatAreNotFiniteAreRefusedWhereUsed) {
  for (const std::string cell : {"inf", "-inf", "NaN", "1e999"}) {
    const Table table = parse("a,b,y\n1,1,0.5\n2," + cell + ",1.5\n3,4,2.5\n");
    expect_begins(error_of<DataError>(table, target("y")),
                  "t.csv:3:2: \"" + cell + "\" is not a finite number in column 'b'");
    auto options = target("y");
    options.missing = Missing::drop;  // nan is no missing cell
    expect_begins(error_of<DataError>(table, options), "t.csv:3:2: ");
    expect_begins(error_of<DataError>(table, target("b")), "t.csv:3:2: ");
    options.drop = {"b"};
    EXPECT_EQ(make_dataset(table, options).train.size(), 3);
  }
}

TEST(Dataset, MissingCells) {
  const Table table = parse("a,b,y\n1,10,1.5\n,20,2.5\n3,,\n4,40,4.5\n8,50,5.5\n");
  expect_begins(error_of<DataError>(table, target("y")),
                "t.csv:3:1: missing cells: 1 in 'y', 1 in 'a', 1 in 'b'; give --missing drop");
  auto options = target("y");
  options.standardize = false;
  options.missing = Missing::drop;
  const Dataset dropped = make_dataset(table, options);
  EXPECT_EQ(dropped.dropped_rows, 2);
  EXPECT_EQ(dropped.train.rows, (std::vector<Index>{0, 3, 4}));

  options.missing = Missing::mean;  // a row without target cannot be filled in
  const Dataset filled = make_dataset(table, options);
  EXPECT_EQ(filled.train.rows, (std::vector<Index>{0, 1, 3, 4}));
  EXPECT_EQ(filled.dropped_rows, 1);
  EXPECT_DOUBLE_EQ(filled.train.inputs(1, 0), (1.0 + 4 + 8) / 3);
  EXPECT_DOUBLE_EQ(filled.train.inputs(1, 1), 20);
}

TEST(Dataset, TooFewRows) {
  expect_begins(error_of<DataError>(parse("a,y\n1,0.5\n"), target("y")),
                "t.csv: 1 usable row of 1");
  auto options = target("y");
  options.missing = Missing::drop;
  expect_begins(error_of<DataError>(parse("a,y\n1,0.5\n,1.5\n3,\n"), options),
                "t.csv: 1 usable row of 3");
  options = target("y");
  options.validation = 0.1;
  EXPECT_NE(error_of<RefusedError>(numbered(3), options).find("too few for the splits"),
            std::string::npos);
  options.validation = options.test = 0.4;
  EXPECT_NE(error_of<RefusedError>(numbered(4), options).find("too few for the splits"),
            std::string::npos);
  options.validation = options.test = 0.5;
  EXPECT_THROW(make_dataset(numbered(9), options), UsageError);
  options.validation = -0.1;
  EXPECT_THROW(make_dataset(numbered(9), options), UsageError);
}

// ---- task ---------------------------------------------------------------------------------------

TEST(Dataset, DecidesTheTask) {
  EXPECT_EQ(make_dataset(numbered(5), target("y")).encoding.task, Task::regression);
  EXPECT_EQ(make_dataset(numbered(20), target("b")).encoding.task, Task::classification);
  EXPECT_EQ(make_dataset(numbered(21), target("b")).encoding.task, Task::regression);
  const Dataset text = make_dataset(parse("a,y\n1,p\n2,q\n3,p\n"), target("y"));
  EXPECT_EQ(text.encoding.task, Task::classification);
  EXPECT_FALSE(text.notices.empty());
  auto options = target("b");
  options.task = Task::regression;
  EXPECT_EQ(make_dataset(numbered(5), options).encoding.task, Task::regression);
  options.targets = {"b", "y"};
  options.task = Task::automatic;
  EXPECT_EQ(make_dataset(numbered(5), options).encoding.outputs(), 2);
}

TEST(Dataset, ATargetOfNumbersWithOneTextIsAMistakeNotAClassification) {
  expect_begins(error_of<DataError>(parse("a,y\n1,2.5\n2,3.5\n3,\"4,5\"\n4,5.5\n"), target("y")),
                "t.csv:4:2: \"4,5\" is not a number in column 'y'");
}

TEST(Dataset, LabelsSortByValueElseByBytes) {
  const Dataset numbers = make_dataset(parse("a,y\n1,10\n2,9\n3,-1\n4,9.0\n"), target("y"));
  EXPECT_EQ(numbers.encoding.classes, (Strings{"-1", "9", "10"}));
  EXPECT_EQ(numbers.train.labels, (std::vector<int>{2, 1, 0, 1}));
  EXPECT_EQ(numbers.encoding.outputs(), 3);
  const Dataset texts = make_dataset(parse("a,y\n1,b10\n2,b9\n3,B\n"), target("y"));
  EXPECT_EQ(texts.encoding.classes, (Strings{"B", "b10", "b9"}));
  EXPECT_EQ(make_dataset(parse("a,y\n1,p\n2,q\n"), target("y")).encoding.outputs(), 1);
  EXPECT_THROW(make_dataset(parse("a,y\n1,p\n2,p\n"), target("y")), DataError);
}

// ---- one-hot ------------------------------------------------------------------------------------

TEST(Dataset, OneHot) {
  auto options = target("y");
  options.one_hot = {"c", "n"};
  options.standardize = false;
  const Dataset dataset =
      make_dataset(parse("c,n,y\nred,10,0.5\nblue,9,1.5\nred,9,2.5\n"), options);
  EXPECT_EQ(dataset.encoding.input_names, (Strings{"c=blue", "c=red", "n=9", "n=10"}));
  Matrix expected(3, 4);
  expected << 0, 1, 0, 1, 1, 0, 1, 0, 0, 1, 1, 0;
  EXPECT_EQ(dataset.train.inputs, expected);
}

TEST(Dataset, AMissingCategoryHasNoInputUnderMean) {
  auto options = target("y");
  options.one_hot = {"c"};
  options.standardize = false;
  options.missing = Missing::mean;
  const Dataset dataset = make_dataset(parse("c,y\nred,0.5\n,1.5\nblue,2.5\n"), options);
  EXPECT_EQ(dataset.train.inputs.row(1).sum(), 0);
}

TEST(Dataset, HeldBackRowsOfUnseenCategoriesAreLeftOut) {
  std::string bytes = "c,a,y\n";
  for (int i = 0; i < 40; ++i)
    bytes += (i == 17 ? "rare"
              : i % 2 ? "p"
                      : "q") +
             ("," + std::to_string(i)) + "," + std::to_string(i) + ".5\n";
  const Table table = parse(bytes);
  auto options = target("y");
  options.one_hot = {"c"};
  options.validation = 0.5;
  bool held_back = false, trained = false;
  for (options.seed = 0; options.seed < 20; ++options.seed) {
    const Dataset dataset = make_dataset(table, options);
    const bool in_training = std::count(dataset.train.rows.begin(), dataset.train.rows.end(), 17);
    EXPECT_EQ(dataset.encoding.inputs(), in_training ? 4 : 3);
    EXPECT_EQ(dataset.dropped_rows, in_training ? 0 : 1);
    EXPECT_EQ(dataset.validation.size(), in_training ? 20 : 19);
    (in_training ? trained : held_back) = true;
  }
  EXPECT_TRUE(held_back && trained);
}

// ---- splits and scaling -------------------------------------------------------------------------

TEST(Dataset, SplitsAreSeededDisjointAndComplete) {
  auto options = target("y");
  options.validation = 0.2;
  options.test = 0.25;
  options.seed = 3;
  const Dataset dataset = make_dataset(numbered(101), options);
  EXPECT_EQ(dataset.validation.size(), 20);  // round(20.2)
  EXPECT_EQ(dataset.test.size(), 25);        // round(25.25)
  EXPECT_EQ(dataset.train.size(), 56);
  std::set<Index> rows;
  for (const Part* part : {&dataset.train, &dataset.validation, &dataset.test}) {
    EXPECT_TRUE(std::is_sorted(part->rows.begin(), part->rows.end()));
    rows.insert(part->rows.begin(), part->rows.end());
  }
  EXPECT_EQ(rows.size(), 101U);
  EXPECT_EQ(make_dataset(numbered(101), options).train.rows, dataset.train.rows);
  options.test = 0;  // a test part does not change what validates
  EXPECT_EQ(make_dataset(numbered(101), options).validation.rows, dataset.validation.rows);
  options.seed = 4;
  EXPECT_NE(make_dataset(numbered(101), options).validation.rows, dataset.validation.rows);
}

TEST(Dataset, ARegressionSplitsByTheFirstRowsOfAPermutation) {
  auto options = target("y");
  options.validation = 0.2;
  options.test = 0.25;
  options.seed = 3;
  const Dataset dataset = make_dataset(numbered(101), options);
  const std::vector<Index> order = RandomStream(3, "split").permutation(101);
  std::vector<Index> validation(order.begin(), order.begin() + 20);
  std::vector<Index> test(order.begin() + 20, order.begin() + 45);
  std::sort(validation.begin(), validation.end());
  std::sort(test.begin(), test.end());
  EXPECT_EQ(dataset.validation.rows, validation);
  EXPECT_EQ(dataset.test.rows, test);
}

/// Classes with the given numbers of rows, in random order.
Table classes_of_sizes(const std::vector<int>& sizes) {
  std::vector<std::size_t> labels;
  for (std::size_t k = 0; k < sizes.size(); ++k)
    labels.insert(labels.end(), static_cast<std::size_t>(sizes[k]), k);
  std::string bytes = "a,y\n";
  const auto n = static_cast<Index>(labels.size());
  for (const Index i : RandomStream(1, "order").permutation(n))
    bytes += std::to_string(i) + ",c" + std::to_string(labels[static_cast<std::size_t>(i)]) + "\n";
  return parse(bytes);
}

std::vector<int> count_labels(const Part& part, std::size_t classes) {
  std::vector<int> counts(classes, 0);
  for (const int label : part.labels) ++counts[static_cast<std::size_t>(label)];
  return counts;
}

TEST(Dataset, ClassesKeepTheirShareInEveryPart) {
  auto options = target("y");
  options.validation = 0.2;
  options.test = 0.1;
  for (options.seed = 0; options.seed < 20; ++options.seed) {
    const Dataset dataset = make_dataset(classes_of_sizes({50, 30, 20}), options);
    EXPECT_EQ(count_labels(dataset.validation, 3), (std::vector<int>{10, 6, 4}));
    EXPECT_EQ(count_labels(dataset.test, 3), (std::vector<int>{5, 3, 2}));
    EXPECT_EQ(count_labels(dataset.train, 3), (std::vector<int>{35, 21, 14}));
  }
  const auto rows = [&](std::uint64_t seed) {
    options.seed = seed;
    return make_dataset(classes_of_sizes({50, 30, 20}), options).validation.rows;
  };
  EXPECT_NE(rows(1), rows(2));
  const auto with_test = rows(3);
  options.test = 0;  // a test part does not change what validates
  EXPECT_EQ(rows(3), with_test);
}

TEST(Dataset, RareClassesStayInTraining) {
  auto options = target("y");
  options.validation = options.test = 0.3;
  for (options.seed = 0; options.seed < 50; ++options.seed) {
    const Dataset dataset = make_dataset(classes_of_sizes({40, 1, 2, 1, 6}), options);
    EXPECT_EQ(dataset.validation.size(), 15);
    EXPECT_EQ(dataset.test.size(), 15);
    const std::vector<int> trained = count_labels(dataset.train, 5);
    EXPECT_EQ(trained[1], 1);
    EXPECT_EQ(trained[3], 1);
    for (const int count : trained) EXPECT_GE(count, 1);
  }
  // Six classes need six rows for training.
  options.validation = options.test = 0.25;
  EXPECT_EQ(make_dataset(classes_of_sizes({7, 1, 1, 1, 1, 1}), options).train.size(), 6);
  EXPECT_EQ(error_of<RefusedError>(classes_of_sizes({6, 1, 1, 1, 1, 1, 1}), options),
            "12 rows are too few for the splits: 6 for training of 7 classes, 3 for validation, 3 "
            "for test; give more rows or other fractions; training needs two rows and one of each "
            "class, each other part one");
}

TEST(Dataset, StandardizesByTheTrainingRows) {
  auto options = target("y");
  options.validation = 0.3;
  const Dataset dataset = make_dataset(numbered(40), options);
  const Matrix& inputs = dataset.train.inputs;
  const auto n = static_cast<double>(inputs.rows());
  for (Index j = 0; j < inputs.cols(); ++j) {
    EXPECT_NEAR(inputs.col(j).mean(), 0, 1e-14);
    EXPECT_NEAR(inputs.col(j).squaredNorm() / n, 1, 1e-13);  // population deviation
  }
  EXPECT_NEAR(dataset.train.targets.squaredNorm() / n, 1, 1e-13);
  for (const Part* part : {&dataset.train, &dataset.validation})
    for (Index i = 0; i < part->size(); ++i) {
      const auto row = static_cast<double>(part->rows[static_cast<std::size_t>(i)]);
      const Encoding& encoding = dataset.encoding;
      EXPECT_DOUBLE_EQ(part->raw_targets(i, 0), 2 * row + 0.5);
      EXPECT_NEAR(encoding.input_mean[1] + encoding.input_scale[1] * part->inputs(i, 1), row * row,
                  1e-9);
      EXPECT_NEAR(encoding.target_mean[0] + encoding.target_scale[0] * part->targets(i, 0),
                  2 * row + 0.5, 1e-12);
    }
  options.standardize = false;
  const Dataset raw = make_dataset(numbered(40), options);
  EXPECT_EQ(raw.train.targets, raw.train.raw_targets);
  EXPECT_EQ(raw.train.inputs(1, 0), static_cast<double>(raw.train.rows[1]));
}

TEST(Dataset, StandardizesExtremeNumbers) {
  for (const std::string exponent : {"e300", "e307", "e-300", "e-312"}) {
    const Dataset dataset = make_dataset(
        parse("a,y\n1" + exponent + ",0.5\n-1" + exponent + ",1.5\n1" + exponent + ",2.5\n"),
        target("y"));
    EXPECT_NEAR(dataset.train.inputs(0, 0), std::sqrt(0.5), 1e-7) << exponent;
    EXPECT_NEAR(dataset.train.inputs(1, 0), -std::sqrt(2.0), 1e-7) << exponent;
  }
}

TEST(Dataset, ManyColumns) {
  std::string bytes = "y";
  for (int j = 0; j < 10000; ++j) bytes += ",c" + std::to_string(j);
  for (int i = 0; i < 4; ++i) {
    bytes += "\n" + std::to_string(i) + ".5";
    for (int j = 0; j < 10000; ++j) bytes += j % 100 == 0 ? ",1" : "," + std::to_string(i * j);
  }
  const Dataset dataset = make_dataset(parse(bytes), target("y"));
  EXPECT_EQ(dataset.encoding.inputs(), 9900);
  EXPECT_EQ(dataset.dropped_columns.size(), 100U);
}

// ---- encoding new tables ------------------------------------------------------------------------

TEST(Encoding, MatchesColumnsByNameAndIgnoresOthers) {
  const Dataset dataset = make_dataset(numbered(6), target("y"));
  const Matrix encoded = dataset.encoding.encode(parse("extra,b,a\nx,4,2\ny,25,5\n"));
  EXPECT_TRUE(encoded.row(0).isApprox(dataset.train.inputs.row(2)));
  EXPECT_TRUE(encoded.row(1).isApprox(dataset.train.inputs.row(5)));
}

template <class Function>
std::string data_error(const Function& function) {
  try {
    function();
  } catch (const DataError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Encoding, RefusesWhatItCannotEncode) {
  auto options = target("y");
  options.one_hot = {"c"};
  const Dataset dataset = make_dataset(parse("c,a,y\nred,1,0.5\nblue,2,1.5\nred,3,2.5\n"), options);
  const auto message = [&](const std::string& bytes) {
    return data_error([&] { dataset.encoding.encode(parse(bytes)); });
  };
  EXPECT_EQ(message("c,a\nred,1\nblue,2\n"), "accepted");
  expect_begins(message("c,b\nred,1\n"), "t.csv: column 'a', which the model needs, is missing");
  EXPECT_EQ(message("c,a\nred,1\ngreen,2\n"),
            "t.csv:3:1: 'green' is not a category of column 'c' that the model knows; it knows "
            "blue, red");
  expect_begins(message("c,a\nred,1\n,2\n"), "t.csv:3:1: the cell in column 'c' is missing");
  expect_begins(message("c,a\nred,1\nred,\n"), "t.csv:3:2: the cell in column 'a' is missing");
  expect_begins(message("c,a\nred,1\nred,q\n"), "t.csv:3:2: \"q\" is not a number");
  expect_begins(message("c,a\nred,1\nred,inf\n"), "t.csv:3:2: \"inf\" is not a finite number");
}

TEST(Encoding, FillsMissingCellsWhenTrainedSo) {
  auto options = target("y");
  options.missing = Missing::mean;
  options.standardize = false;
  const Dataset dataset = make_dataset(parse("a,y\n1,0.5\n,1.5\n6,2.5\n"), options);
  EXPECT_EQ(dataset.encoding.encode(parse("a,z\n,1\n2,2\n"))(0, 0), 3.5);
}

TEST(Encoding, CategoriesAreNumbersWhereTheySpellNumbers) {
  auto options = target("y");
  options.one_hot = {"c"};
  options.standardize = false;
  const Encoding encoding = make_dataset(parse("c,y\n1,0.5\n2.0,1.5\n3,2.5\n"), options).encoding;
  Matrix expected(2, 3);
  expected << 0, 1, 0, 1, 0, 0;
  EXPECT_EQ(encoding.encode(parse("c,z\n2,0\n1.00,0\n")), expected);
  const std::string message = data_error([&] { encoding.encode(parse("c,z\n2,0\nseven,0\n")); });
  expect_begins(message, "t.csv:3:1: 'seven' is not a category");
}

// ---- metrics ------------------------------------------------------------------------------------

TEST(Metrics, RegressionInOriginalUnits) {
  auto options = target("y");
  options.targets = {"y", "z"};
  const Dataset dataset = make_dataset(parse("a,y,z\n1,1,10\n2,2,10\n3,6,40\n4,3,20\n"), options);
  Matrix predicted(4, 2);
  predicted << 1, 10, 3, 20, 5, 40, 3, 20;  // residuals 0 1 -1 0 and 0 10 0 0
  Matrix outputs = predicted.rowwise() - dataset.encoding.target_mean.transpose();
  outputs.array().rowwise() /= dataset.encoding.target_scale.transpose().array();
  const Metrics metrics = evaluate(dataset.encoding, dataset.train, outputs);
  EXPECT_NEAR(*metrics.rmse, std::sqrt(102.0 / 8), 1e-12);
  EXPECT_NEAR(*metrics.mae, 12.0 / 8, 1e-12);
  EXPECT_NEAR(*metrics.r2, ((1 - 2.0 / 14) + (1 - 100.0 / 600)) / 2, 1e-12);
  EXPECT_FALSE(metrics.accuracy);
}

TEST(Metrics, Classification) {
  const Dataset two = make_dataset(parse("a,y\n1,p\n2,q\n3,q\n"), target("y"));
  Matrix margins(3, 1);
  margins << 1, 2, -800;
  const Metrics metrics = evaluate(two.encoding, two.train, margins);
  EXPECT_NEAR(*metrics.accuracy, 1.0 / 3, 1e-15);
  EXPECT_NEAR(*metrics.cross_entropy,
              (std::log(1 + std::exp(1.0)) + std::log(1 + std::exp(-2.0)) + 800) / 3, 1e-12);
  EXPECT_FALSE(metrics.rmse);

  const Dataset three = make_dataset(parse("a,y\n1,p\n2,q\n3,r\n"), target("y"));
  Matrix outputs(3, 3);
  outputs << 1, 0, 0, 1000, 1001, 999, 0, 1, 0;
  const Metrics many = evaluate(three.encoding, three.train, outputs);
  const double e = std::exp(1.0);
  EXPECT_NEAR(*many.accuracy, 2.0 / 3, 1e-15);
  EXPECT_NEAR(
      *many.cross_entropy,
      -(std::log(e / (e + 2)) + std::log(1 / (1 + 1 / e + 1 / (e * e))) + std::log(1 / (e + 2))) /
          3,
      1e-12);
}

TEST(Metrics, WithoutVariationThereIsNoR2) {
  auto options = target("y");
  options.validation = 0.2;
  const Dataset dataset = make_dataset(numbered(5), options);
  const Metrics metrics = evaluate(dataset.encoding, dataset.validation, Matrix::Zero(1, 1));
  EXPECT_FALSE(metrics.r2);
  EXPECT_TRUE(metrics.rmse);
  EXPECT_FALSE(evaluate(dataset.encoding, dataset.test, Matrix::Zero(0, 1)).rmse);
}

// ---- stored encodings ---------------------------------------------------------------------------

Encoding everything() {
  auto options = target("y");
  options.one_hot = {"c"};
  options.missing = Missing::mean;
  return make_dataset(parse("c,a,y\nred,1,u\nbl\xC3\xBC,,v\n\"x \"\"y\"\"\",3,w\n"), options)
      .encoding;
}

TEST(Encoding, ComesBackFromAFileAsItWas) {
  const Encoding encoding = everything();
  TensorFile file;
  encoding.save(file);
  const Encoding loaded = Encoding::load(TensorFile::parse(file.bytes(), "m"));
  TensorFile again;
  loaded.save(again);
  EXPECT_EQ(again.bytes(), file.bytes());
  const Table table = parse("a,c\n,red\n7,bl\xC3\xBC\n");
  EXPECT_EQ(loaded.encode(table), encoding.encode(table));
  EXPECT_EQ(loaded.classes, encoding.classes);
}

TEST(Encoding, RefusesPartsThatContradictEachOther) {
  const auto load_after = [](const auto& change) {
    TensorFile file;
    everything().save(file);
    change(file);
    return data_error([&] { Encoding::load(file); });
  };
  EXPECT_EQ(load_after([](TensorFile&) {}), "accepted");
  EXPECT_NE(load_after([](TensorFile& f) { f.metadata.erase("encoding"); }), "accepted");
  for (const std::string text : {"", "{", "[]", "null", "{}", "{\"features\":3}"})
    EXPECT_NE(load_after([&](TensorFile& f) { f.metadata["encoding"] = text; }), "accepted")
        << text;
  for (const std::string name : {"fill", "input_mean", "input_scale"}) {
    EXPECT_NE(load_after([&](TensorFile& f) { f.tensors.erase("encoding." + name); }), "accepted");
    EXPECT_NE(
        load_after([&](TensorFile& f) { f.put("encoding." + name, Vector(Vector::Ones(99))); }),
        "accepted");
    const Vector bad = Vector::Constant(name == "fill" ? 2 : 4, std::nan(""));
    EXPECT_NE(load_after([&](TensorFile& f) { f.put("encoding." + name, bad); }), "accepted");
  }
  EXPECT_NE(
      load_after([](TensorFile& f) { f.put("encoding.input_scale", Vector(Vector::Zero(4))); }),
      "accepted");
}

}  // namespace
}  // namespace thalweg
