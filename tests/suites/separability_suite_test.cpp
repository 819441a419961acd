// The verdict on separability on real tables, against values found by other means: the margins by
// nonnegative least squares on all margin rows (scipy.optimize.nnls of [M'; 1'] p = e, every digit
// given agrees), the verdicts also by a linear program (HiGHS): max s, M u >= s, |u_j| <= 1.
//
// Inputs are standardized by the population deviation, constant columns left out, a constant column
// of ones appended, and all rows divided by the largest row norm.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "thalweg/data/table.hpp"
#include "thalweg/model/linear_model.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/preflight/preflight.hpp"

namespace thalweg {
namespace {

namespace fs = std::filesystem;

struct Samples {
  Matrix inputs;  // (N, D), raw
  std::vector<int> labels;
};

// Where a table may be: the project's data, the folder of test data, scikit-learn's own tables.
std::optional<fs::path> find_table(const std::string& name) {
  std::vector<fs::path> places = {fs::path(THALWEG_SOURCE_DIR) / "data" / name / (name + ".csv")};
  if (const char* folder = std::getenv("THALWEG_TEST_DATA")) {
    places.push_back(fs::path(folder) / name / (name + ".csv"));
    places.push_back(fs::path(folder) / name / (name + "_train.csv.gz"));
  }
  const char* sklearn = std::getenv("THALWEG_SKLEARN_DATA");
  places.push_back(
      fs::path(sklearn ? sklearn : "/usr/lib/python3/dist-packages/sklearn/datasets/data") /
      (name + ".csv"));
  for (const fs::path& place : places)
    if (fs::exists(place)) return place;
  return std::nullopt;
}

std::string absent(const std::string& name) {
  return name + ".csv is neither in the project's data nor in THALWEG_TEST_DATA nor in " +
         "THALWEG_SKLEARN_DATA (default: Debian's python3-sklearn)";
}

// The last column is the label. The first line of scikit-learn's own tables counts rows and columns
// and is no header; other first lines are names.
Samples read_samples(const fs::path& path) {
  std::string bytes = read_bytes(path.string());
  bytes.erase(0, bytes.find('\n') + 1);
  const Table table = parse_csv(bytes, path.string());
  const Index columns = static_cast<Index>(table.columns.size()) - 1;
  Samples samples{Matrix(table.rows(), columns), {}};
  for (Index j = 0; j < columns; ++j)
    samples.inputs.col(j) = Eigen::Map<const Vector>(
        table.columns[static_cast<std::size_t>(j)].numbers.data(), table.rows());
  for (const double label : table.columns.back().numbers)
    samples.labels.push_back(static_cast<int>(label));
  return samples;
}

// The samples of two classes, relabelled 0 and 1.
Samples two_classes(const Samples& all, int zero, int one) {
  Samples two;
  std::vector<Index> kept;
  for (std::size_t i = 0; i < all.labels.size(); ++i)
    if (all.labels[i] == zero || all.labels[i] == one) kept.push_back(static_cast<Index>(i));
  two.inputs.resize(static_cast<Index>(kept.size()), all.inputs.cols());
  for (std::size_t k = 0; k < kept.size(); ++k) {
    two.inputs.row(static_cast<Index>(k)) = all.inputs.row(kept[k]);
    two.labels.push_back(all.labels[static_cast<std::size_t>(kept[k])] == one ? 1 : 0);
  }
  return two;
}

Matrix standardized(const Matrix& raw) {
  Matrix inputs(raw.rows(), raw.cols());
  Index kept = 0;
  for (Index j = 0; j < raw.cols(); ++j) {
    if (raw.col(j).minCoeff() == raw.col(j).maxCoeff()) continue;
    const Vector centred = raw.col(j).array() - raw.col(j).mean();
    inputs.col(kept++) =
        centred / std::sqrt(centred.squaredNorm() / static_cast<double>(raw.rows()));
  }
  return inputs.leftCols(kept);
}

int class_count(const Samples& samples) {
  return *std::max_element(samples.labels.begin(), samples.labels.end()) + 1;
}

SeparabilityReport measure(const Samples& samples, const SeparabilityOptions& options = {}) {
  const int classes = class_count(samples);
  const LinearModel model(standardized(samples.inputs), {classes == 2 ? 1 : classes, true});
  const auto rows = model.linearize(Vector::Zero(model.parameter_count()));
  return measure_separability(*rows, CrossEntropyLoss(samples.labels, classes), options);
}

// A separator's smallest margin by a plain loop over the rows.
double smallest_margin(const Samples& samples, const Vector& u, double row_norm) {
  const Matrix x = standardized(samples.inputs);
  const Index d = x.cols();
  const int classes = class_count(samples);
  double smallest = 2;
  for (Index i = 0; i < x.rows(); ++i) {
    const int label = samples.labels[static_cast<std::size_t>(i)];
    const auto output = [&](int q) {
      const Index weights = classes == 2 ? d : classes * d;
      return x.row(i).dot(u.segment(q * d, d)) + u[weights + q];
    };
    if (classes == 2) smallest = std::min(smallest, (label == 1 ? 1 : -1) * output(0) / row_norm);
    for (int q = 0; classes > 2 && q < classes; ++q)
      if (q != label) smallest = std::min(smallest, (output(label) - output(q)) / row_norm);
  }
  return smallest;
}

struct Case {
  const char* table;
  int zero, one;  // classes; -1: all of them
  double margin;  // 0: not separable
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.table << " " << c.zero << " " << c.one;
}

class RealTables : public testing::TestWithParam<Case> {};

TEST_P(RealTables, VerdictAndMargin) {
  const auto [table, zero, one, margin] = GetParam();
  const auto path = find_table(table);
  if (!path) GTEST_SKIP() << absent(table);
  Samples samples = read_samples(*path);
  if (zero >= 0) samples = two_classes(samples, zero, one);

  const auto report = measure(samples);
  RecordProperty("seconds", std::to_string(report.seconds));
  ASSERT_NE(report.verdict, Separable::undecided) << report.tried;
  ASSERT_EQ(report.verdict, margin > 0 ? Separable::yes : Separable::no);
  if (margin > 0) {
    constexpr double half_digit = 1e-9;  // of the expected values, relative
    EXPECT_LE(report.margin_upper, 1.01 * report.margin_lower);
    EXPECT_LE(report.margin_lower, margin * (1 + half_digit));
    EXPECT_GE(report.margin_upper, margin * (1 - half_digit));
    EXPECT_NEAR(smallest_margin(samples, report.separator, report.row_norm), report.margin_lower,
                1e-14);
  } else {
    EXPECT_LE(report.margin_upper, 1e-14);
    EXPECT_FALSE(report.conflict.empty());
  }
}

INSTANTIATE_TEST_SUITE_P(
    Separability, RealTables,
    testing::Values(Case{"iris", 0, 1, 0.2792889295}, Case{"iris", 1, 2, 0},
                    Case{"iris", -1, -1, 0}, Case{"wine_data", 0, 1, 0.07024873202},
                    Case{"wine_data", 1, 2, 0.05721401182}, Case{"wine_data", -1, -1, 0.0692984728},
                    Case{"digits", 0, 1, 0.06328054304}, Case{"digits", 1, 7, 0.04684484734},
                    Case{"digits", 3, 8, 0.0292552857}, Case{"digits", -1, -1, 0.003248989681},
                    Case{"breast_cancer", -1, -1, 6.769681957e-05},
                    Case{"mushrooms", -1, -1, 0.01673585575}, Case{"ionosphere", -1, -1, 0},
                    Case{"german_credit", -1, -1, 0}, Case{"satellite", -1, -1, 0}));

TEST(Separability, EqualRowsOfA9aAreNamed) {
  const auto path = find_table("a9a");
  if (!path) GTEST_SKIP() << absent("a9a");
  const Samples samples = read_samples(*path);
  const auto report = measure(samples);
  EXPECT_EQ(report.verdict, Separable::no);
  ASSERT_TRUE(report.equal_rows);
  EXPECT_EQ(report.conflict.size(), 4150u);  // numpy.unique of rows with and without labels
}

// How many flips a table bears depends on which: of these, 5 leave a margin, 20 do not.
TEST(Separability, FlippedLabelsOfWine) {
  const auto path = find_table("wine_data");
  if (!path) GTEST_SKIP() << absent("wine_data");
  const Samples wine = two_classes(read_samples(*path), 1, 2);
  const auto with_flips = [&](int count) {
    Samples flipped = wine;
    for (int k = 0; k < count; ++k) {
      int& label = flipped.labels[static_cast<std::size_t>(3 * k)];
      label = 1 - label;
    }
    return measure(flipped);
  };
  const auto few = with_flips(5);
  EXPECT_EQ(few.verdict, Separable::yes);
  EXPECT_LE(few.margin_lower, 0.02059888259);
  EXPECT_GE(few.margin_upper, 0.02059888258);
  EXPECT_EQ(with_flips(20).verdict, Separable::no);
}

}  // namespace
}  // namespace thalweg
