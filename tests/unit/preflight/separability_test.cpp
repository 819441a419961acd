// The verdict on separability against planted answers, enumeration and explicit algebra.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/linalg/minimum_norm_point.hpp"
#include "thalweg/model/linear_model.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/preflight/preflight.hpp"

namespace thalweg {
namespace {

using Labels = std::vector<int>;

// Rows z (N, D) as they are: a linear model without intercept.
SeparabilityReport measure(const Matrix& z, const Labels& labels, int classes = 2,
                           const SeparabilityOptions& options = {}) {
  const LinearModel model(z, {classes == 2 ? 1 : classes, false});
  const auto rows = model.linearize(Vector::Zero(model.parameter_count()));
  return measure_separability(*rows, CrossEntropyLoss(labels, classes), options);
}

Matrix with_ones(const Matrix& x) {
  Matrix z(x.rows(), x.cols() + 1);
  z << x, Vector::Ones(x.rows());
  return z;
}

// The margin rows one by one, (D Q, margins), divided by the largest row norm; Q = 1 for two
// classes.
Matrix margin_rows(const Matrix& z, const Labels& labels, int classes) {
  const Index d = z.cols(), outputs = classes == 2 ? 1 : classes;
  Matrix rows = Matrix::Zero(d * outputs, z.rows() * (classes - 1));
  Index c = 0;
  for (Index i = 0; i < z.rows(); ++i) {
    const int label = labels[static_cast<std::size_t>(i)];
    if (classes == 2) {
      rows.col(c++) = (label == 1 ? 1.0 : -1.0) * z.row(i).transpose();
      continue;
    }
    for (int q = 0; q < classes; ++q) {
      if (q == label) continue;
      rows.col(c).segment(label * d, d) = z.row(i).transpose();
      rows.col(c++).segment(q * d, d) = -z.row(i).transpose();
    }
  }
  return rows / z.rowwise().norm().maxCoeff();
}

Matrix rows_of(const Matrix& z, const std::vector<Index>& samples) {
  Matrix part(static_cast<Index>(samples.size()), z.cols());
  for (std::size_t k = 0; k < samples.size(); ++k)
    part.row(static_cast<Index>(k)) = z.row(samples[k]);
  return part;
}

Labels labels_of(const Labels& labels, const std::vector<Index>& samples) {
  Labels part;
  for (const Index i : samples) part.push_back(labels[static_cast<std::size_t>(i)]);
  return part;
}

// What a reader may check of every report without knowing the answer. Returns what is wrong.
std::string inconsistency(const SeparabilityReport& report, const Matrix& z, const Labels& labels,
                          int classes, double gap = 0.01) {
  if (report.margin_lower < 0 || report.margin_upper < report.margin_lower) return "bounds";
  if (std::abs(report.row_norm / z.rowwise().norm().maxCoeff() - 1) > 1e-14) return "row norm";
  if (report.verdict != Separable::no && !report.conflict.empty()) return "conflict without no";
  if (report.verdict == Separable::yes) {
    if (std::abs(report.separator.norm() - 1) > 1e-14) return "separator is not unit";
    const Matrix rows = margin_rows(z, labels, classes);
    const double smallest = (rows.transpose() * report.separator).minCoeff();
    if (std::abs(smallest - report.margin_lower) > 1e-13) return "margin of the separator";
    if (report.margin_upper > report.margin_lower * (1 + gap)) return "bounds do not meet";
  }
  if (report.verdict == Separable::no) {
    if (report.margin_lower != 0 || report.margin_upper > 1e-12) return "bounds of no";
    if (report.conflict.empty()) return "no conflict";
    if (!std::is_sorted(report.conflict.begin(), report.conflict.end())) return "order";
    if (report.conflict.size() < labels.size() &&
        measure(rows_of(z, report.conflict), labels_of(labels, report.conflict), classes).verdict !=
            Separable::no)
      return "the samples in conflict do not contradict each other";
  }
  if (report.verdict == Separable::undecided && report.tried.empty()) return "nothing tried";
  return {};
}

Matrix normal_matrix(Index rows, Index columns, RandomStream& random) {
  Matrix a(rows, columns);
  for (Index c = 0; c < columns; ++c) a.col(c) = random.normal_vector(rows);
  return a;
}

Labels random_labels(Index count, int classes, RandomStream& random) {
  Labels labels;
  for (Index i = 0; i < count; ++i)
    labels.push_back(static_cast<int>(random.below(static_cast<std::uint64_t>(classes))));
  return labels;
}

// Rows s (g u + t v_i) and s (g u - t v_i) with v_i orthogonal to u, and rows further out: the
// margin is g exactly, along u, before the rows are divided by their largest norm.
Matrix planted_margin(double g, const Labels& labels, Index dimension, RandomStream& random) {
  const Index count = static_cast<Index>(labels.size());
  const Vector u = random.normal_vector(dimension).normalized();
  Matrix z(count, dimension);
  for (Index i = 0; i < count; ++i) {
    Vector v = random.normal_vector(dimension);
    v -= u * u.dot(v);
    const double s = labels[static_cast<std::size_t>(i)] == 1 ? 1 : -1;
    const double away = i < count / 2 ? g : g + random.uniform();
    z.row(i) = s * (away * u + v).transpose();
    if (i < count / 2 && i % 2 == 1) {  // the mirror image of the row before
      const double before = labels[static_cast<std::size_t>(i - 1)] == 1 ? 1 : -1;
      z.row(i) = s * (2 * g * u.transpose() - before * z.row(i - 1));
    }
  }
  return z;
}

RC_GTEST_PROP(Separability, FindsAPlantedMargin, (std::uint64_t seed)) {
  RandomStream random(seed, "rows");
  const Index dimension = *rc::gen::inRange<Index>(2, 20);
  const Index count = 4 * *rc::gen::inRange<Index>(1, 60);
  const double g = std::pow(10.0, -*rc::gen::inRange(0, 11));
  const Labels labels = random_labels(count, 2, random);
  const Matrix z = planted_margin(g, labels, dimension, random);
  const auto report = measure(z, labels);
  RC_ASSERT(report.verdict == Separable::yes);
  RC_ASSERT(inconsistency(report, z, labels, 2) == "");
  const double planted = g / z.rowwise().norm().maxCoeff();
  RC_ASSERT(report.margin_lower <= planted * 1.0001);
  RC_ASSERT(report.margin_upper >= planted * 0.9999);
}

RC_GTEST_PROP(Separability, FindsAPlantedContradiction, (std::uint64_t seed)) {
  RandomStream random(seed, "rows");
  const Index dimension = *rc::gen::inRange<Index>(2, 20);
  const Index count = *rc::gen::inRange<Index>(dimension, 200);
  Labels labels = random_labels(count, 2, random);
  Matrix z = planted_margin(0.3, labels, dimension, random);
  z.conservativeResize(count + 1, Eigen::NoChange);  // one more: minus a combination of signed rows
  z.row(count).setZero();
  for (Index k = 0; k < std::min<Index>(dimension, 4); ++k) {
    const Index i = static_cast<Index>(random.below(static_cast<std::uint64_t>(count)));
    z.row(count) +=
        random.uniform() * (labels[static_cast<std::size_t>(i)] == 1 ? -1 : 1) * z.row(i);
  }
  labels.push_back(1);
  const auto report = measure(z, labels);
  RC_ASSERT(report.verdict == Separable::no);
  RC_ASSERT(inconsistency(report, z, labels, 2) == "");
  RC_ASSERT(std::count(report.conflict.begin(), report.conflict.end(), count) == 1);
}

// All margin rows formed and solved at once: no working set, no products, no bounds.
RC_GTEST_PROP(Separability, AgreesWithAllMarginRowsSolvedAtOnce, (std::uint64_t seed)) {
  RandomStream random(seed, "rows");
  const int classes = *rc::gen::inRange(2, 6);
  const Index dimension = *rc::gen::inRange<Index>(1, 6), count = *rc::gen::inRange<Index>(1, 60);
  const Matrix z = normal_matrix(count, dimension, random);
  Labels labels = random_labels(count, classes, random);
  if (*rc::gen::arbitrary<bool>()) {  // labels of a linear rule: separable
    const Matrix rule = normal_matrix(dimension, classes, random);
    for (Index i = 0; i < count; ++i)
      (z.row(i) * rule).maxCoeff(&labels[static_cast<std::size_t>(i)]);
  }
  const auto report = measure(z, labels, classes);
  RC_ASSERT(inconsistency(report, z, labels, classes) == "");
  const Matrix rows = margin_rows(z, labels, classes);
  linalg::MinimumNormPoint at_once(rows.rows());
  for (Index c = 0; c < rows.cols(); ++c) at_once.add(rows.col(c));
  const bool origin = at_once.solve(0, 1e12) == linalg::MinimumNormPoint::Status::origin;
  RC_ASSERT(report.verdict == (origin ? Separable::no : Separable::yes));
  if (origin) return;
  const double margin = 1 / at_once.separator().norm();
  RC_ASSERT(report.margin_lower <= margin * (1 + 1e-8) &&
            margin * (1 - 1e-8) <= report.margin_upper);
}

RC_GTEST_PROP(Separability, NamesEqualRowsOfDifferentClasses, (std::uint64_t seed)) {
  RandomStream random(seed, "rows");
  const int classes = *rc::gen::inRange(2, 5);
  const Index count = *rc::gen::inRange<Index>(3, 80);
  Matrix z = with_ones(normal_matrix(count, 4, random));
  Labels labels = random_labels(count, classes, random);
  z.row(2) = z.row(0);
  z(0, 1) = 0.0;
  z(2, 1) = -0.0;
  labels[0] = 0;
  labels[2] = 1;
  const auto report = measure(z, labels, classes);
  RC_ASSERT(report.verdict == Separable::no);
  RC_ASSERT(report.equal_rows);
  RC_ASSERT(report.conflict == (std::vector<Index>{0, 2}));
  RC_ASSERT(report.margin_upper == 0);
}

TEST(Separability, EqualRowsOfOneClassAreNoConflict) {
  Matrix z(4, 2);
  z << 1, 1, 1, 1, -1, 1, -1, 1;
  const auto report = measure(z, {1, 1, 0, 0});
  EXPECT_EQ(report.verdict, Separable::yes);
  EXPECT_NEAR(report.margin_lower, 1 / std::sqrt(2.0), 0.01);
}

TEST(Separability, NearlyEqualRowsAreNotEqual) {
  Matrix z(2, 2);
  z << 1, 1, std::nextafter(1.0, 2.0), 1;  // apart by less than their products resolve
  const auto report = measure(z, {1, 0});
  EXPECT_FALSE(report.equal_rows);
  EXPECT_NE(report.verdict, Separable::yes);
}

TEST(Separability, ScaleOfTheRowsDoesNotMatter) {
  RandomStream random(5, "rows");
  const Labels labels = random_labels(150, 2, random);
  const Matrix separable = planted_margin(1e-5, labels, 8, random);
  const Matrix mixed = normal_matrix(150, 8, random);
  for (const Matrix& z : {separable, mixed}) {
    const auto report = measure(z, labels);
    for (const double scale : {1e-150, 1e-8, 1e8, 1e150}) {
      const auto scaled = measure(scale * z, labels);
      EXPECT_EQ(scaled.verdict, report.verdict) << scale;
      EXPECT_NEAR(scaled.margin_lower, report.margin_lower, 1e-9 * report.margin_lower) << scale;
      EXPECT_NEAR(scaled.row_norm / scale, report.row_norm, 1e-12 * report.row_norm) << scale;
    }
  }
  EXPECT_EQ(measure(separable, labels).verdict, Separable::yes);
  EXPECT_EQ(measure(mixed, labels).verdict, Separable::no);
}

TEST(Separability, RowsOfVeryDifferentLengthAreJudgedEachByItsOwn) {
  Matrix z(3, 2);
  z << 1, 0, 1e-14, 1e-14, 1e-20,
      3e-20;  // u = (1, 1) separates; every margin is far above rounding
  const auto report = measure(z, {1, 1, 1});
  EXPECT_EQ(report.verdict, Separable::yes);
  EXPECT_LE(report.margin_upper, 4e-20);
}

TEST(Separability, OneClassIsSeparatedByTheInterceptOnly) {
  RandomStream random(6, "rows");
  const Matrix x = normal_matrix(50, 3, random);
  for (const int label : {0, 1}) {
    const auto with = measure(with_ones(x), Labels(50, label));
    EXPECT_EQ(with.verdict, Separable::yes);
    EXPECT_EQ(inconsistency(with, with_ones(x), Labels(50, label), 2), "");
    const auto without = measure(x, Labels(50, label));  // rows on all sides of the origin
    EXPECT_EQ(without.verdict, Separable::no);
    EXPECT_EQ(inconsistency(without, x, Labels(50, label), 2), "");
  }
}

TEST(Separability, AnAbsentClassAmongSeveralChangesNothing) {
  Matrix z(4, 2);
  z << 1, 1, 2, 1, -1, 1, -2, 1;
  EXPECT_EQ(measure(z, {2, 2, 0, 0}, 3).verdict, Separable::yes);
}

TEST(Separability, AZeroRowHasNoMargin) {
  RandomStream random(7, "rows");
  const Labels labels = random_labels(60, 2, random);
  Matrix z = planted_margin(0.2, labels, 5, random);
  z.row(17).setZero();
  const auto report = measure(z, labels);
  EXPECT_EQ(report.verdict, Separable::no);
  EXPECT_EQ(report.conflict, std::vector<Index>{17});
  EXPECT_EQ(report.margin_upper, 0);
}

TEST(Separability, OnlyZeroRows) {
  const auto report = measure(Matrix::Zero(3, 2), {0, 1, 1});
  EXPECT_EQ(report.verdict, Separable::no);
  EXPECT_EQ(report.conflict.size(), 3u);
}

TEST(Separability, OneRow) {
  Matrix z(1, 3);
  z << 3, 0, 4;
  const auto report = measure(z, {0});
  EXPECT_EQ(report.verdict, Separable::yes);
  EXPECT_NEAR(report.margin_lower, 1, 0.01);
  EXPECT_NEAR(report.row_norm, 5, 1e-14);
}

TEST(Separability, FewerRowsThanParametersSeparateUnlessDependent) {
  RandomStream random(8, "rows");
  const Matrix z = normal_matrix(20, 60, random);
  const Labels labels = random_labels(20, 2, random);
  const auto report = measure(z, labels);
  EXPECT_EQ(report.verdict, Separable::yes);
  EXPECT_EQ(inconsistency(report, z, labels, 2), "");
}

TEST(Separability, CollinearAndRepeatedColumnsAreHarmless) {
  RandomStream random(9, "rows");
  const Labels labels = random_labels(200, 2, random);
  for (const double g : {0.1, 1e-7}) {
    const Matrix z = planted_margin(g, labels, 6, random);
    Matrix wide(200, 20);
    wide << z, z, z * Matrix::Ones(6, 2), Matrix::Zero(200, 6);
    const auto report = measure(wide, labels);
    EXPECT_EQ(report.verdict, Separable::yes);
    EXPECT_EQ(inconsistency(report, wide, labels, 2), "");
  }
  const Matrix x = normal_matrix(200, 6, random);
  Matrix wide(200, 18);
  wide << x, x, x;
  const auto report = measure(wide, labels);
  EXPECT_EQ(report.verdict, Separable::no);
  EXPECT_EQ(inconsistency(report, wide, labels, 2), "");
}

// A margin below rounding is no contradiction, and no proof of a separator either.
TEST(Separability, MarginsAtRoundingAreUndecided) {
  for (const double g : {1e-3, 1e-6, 1e-9, 1e-12, 1e-14}) {
    Matrix z(4, 2);
    z << 1, g, -1, g, 0.5, -3 * g, -0.3, -2 * g;
    const auto report = measure(z, {1, 1, 0, 0});
    EXPECT_EQ(report.verdict, Separable::yes) << g;
    EXPECT_NEAR(report.margin_lower / g, 1, 0.1) << g;
  }
  Matrix z(2, 2);
  z << 1, 1e-17, -1, 1e-17;
  const auto report = measure(z, {1, 1});
  EXPECT_EQ(report.verdict, Separable::undecided);
  EXPECT_LE(report.margin_upper, 1e-15);
  EXPECT_NE(report.tried, "");
}

TEST(Separability, UndecidedWhereTheWorkIsUsedUp) {
  RandomStream random(10, "rows");
  const Labels labels = random_labels(300, 2, random);
  SeparabilityOptions options;
  options.max_flops = 1;
  const auto report = measure(normal_matrix(300, 10, random), labels, 2, options);
  EXPECT_EQ(report.verdict, Separable::undecided);
  EXPECT_NE(report.tried, "");
  EXPECT_TRUE(report.conflict.empty());
}

// Wherever the work ends, the bounds hold and the verdict is not wrong.
TEST(Separability, BoundsHoldAtEveryEndOfTheWork) {
  RandomStream random(15, "rows");
  const Labels labels = random_labels(400, 2, random);
  const Matrix separable = planted_margin(1e-3, labels, 20, random);
  const Matrix mixed = normal_matrix(400, 20, random);
  const double margin = 1e-3 / separable.rowwise().norm().maxCoeff();
  SeparabilityOptions options;
  int undecided = 0;
  for (options.max_flops = 1; options.max_flops < 1e9; options.max_flops *= 1.5) {
    const auto report = measure(separable, labels, 2, options);
    EXPECT_NE(report.verdict, Separable::no);
    EXPECT_LE(report.margin_lower, margin * (1 + 1e-9));
    EXPECT_GE(report.margin_upper, margin * (1 - 1e-9));
    EXPECT_NE(measure(mixed, labels, 2, options).verdict, Separable::yes);
    undecided += report.verdict == Separable::undecided ? 1 : 0;
  }
  EXPECT_GT(undecided, 5);  // the work did end in the middle
}

TEST(Separability, RowsThatAreNotFiniteAreUndecided) {
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    Matrix j = Matrix::Ones(3, 2);
    j(1, 1) = bad;
    const DenseLinearization rows(Vector::Zero(3), j);
    const auto report = measure_separability(rows, CrossEntropyLoss({0, 1, 1}, 2));
    EXPECT_EQ(report.verdict, Separable::undecided);
    EXPECT_NE(report.tried, "");
  }
}

TEST(Separability, TheGapAskedForIsMet) {
  RandomStream random(11, "rows");
  const Matrix z = with_ones(normal_matrix(400, 12, random));
  Labels labels;
  const Vector rule = random.normal_vector(13);
  for (Index i = 0; i < z.rows(); ++i) labels.push_back(z.row(i).dot(rule) > 0 ? 1 : 0);
  double before = 0;
  for (const double gap : {1.0, 0.1, 1e-3, 1e-8}) {
    SeparabilityOptions options;
    options.relative_gap = gap;
    const auto report = measure(z, labels, 2, options);
    EXPECT_EQ(inconsistency(report, z, labels, 2, gap), "") << gap;
    EXPECT_EQ(report.verdict, Separable::yes);
    EXPECT_GE(report.margin_upper * (1 + 1e-12), before);
    before = report.margin_lower;
  }
}

TEST(Separability, DenseAndSparseTablesAgree) {
  RandomStream random(12, "rows");
  Matrix raw = normal_matrix(300, 40, random);
  raw = (raw.array().abs() > 1.2).select(raw, 0);
  const Vector mean = raw.colwise().mean();
  const Vector scale =
      ((raw.rowwise() - mean.transpose()).colwise().squaredNorm() / 300).cwiseSqrt();
  const Matrix inputs =
      ((raw.rowwise() - mean.transpose()).array().rowwise() / scale.transpose().array()).matrix();
  const Vector rule = random.normal_vector(40);
  Labels separable;
  for (Index i = 0; i < 300; ++i) separable.push_back(inputs.row(i).dot(rule) > 0.3 ? 1 : 0);
  const Labels mixed = random_labels(300, 2, random);
  const LinearModel dense(inputs, {1, true});
  const LinearModel sparse(raw.sparseView(), mean, scale, {1, true});
  SeparabilityOptions options;
  options.relative_gap = 1e-9;
  const Vector origin = Vector::Zero(41);
  for (const Labels& labels : {separable, mixed}) {
    const CrossEntropyLoss loss(labels, 2);
    const auto a = measure_separability(*dense.linearize(origin), loss, options);
    const auto b = measure_separability(*sparse.linearize(origin), loss, options);
    EXPECT_EQ(a.verdict, b.verdict);
    EXPECT_NE(a.verdict, Separable::undecided);
    EXPECT_NEAR(a.margin_lower, b.margin_lower, 1e-8 * a.margin_lower);
    EXPECT_NEAR(a.row_norm, b.row_norm, 1e-12 * a.row_norm);
  }
}

// Two interleaved rings: no linear model separates them, the tangent features of a wide network do.
TEST(Separability, TangentRowsOfANetwork) {
  const Index count = 60;
  RandomStream random(13, "rings");
  Matrix x(count, 2);
  Labels labels;
  for (Index i = 0; i < count; ++i) {
    const double angle = 2 * 3.141592653589793 * random.uniform();
    const double radius = i % 2 == 0 ? 0.7 : 1.4;
    x.row(i) << radius * std::cos(angle), radius * std::sin(angle);
    labels.push_back(static_cast<int>(i % 2));
  }
  EXPECT_EQ(measure(with_ones(x), labels).verdict, Separable::no);

  for (const int classes : {2, 3}) {
    Network::Options options;
    options.inputs = 2;
    options.hidden = {64};
    options.outputs = classes == 2 ? 1 : 3;
    const Network network(options);
    const auto rows = network.on(x)->linearize(network.initial_parameters(1));
    const CrossEntropyLoss loss(labels, classes);
    const auto report = measure_separability(*rows, loss);
    ASSERT_EQ(report.verdict, Separable::yes) << report.tried;
    EXPECT_LE(report.margin_upper, 1.01 * report.margin_lower);
    const Vector y = rows->jacobian() * report.separator / report.row_norm;
    EXPECT_NEAR(loss.smallest_margins(y).minCoeff(), report.margin_lower, 1e-14);
    EXPECT_NEAR(report.row_norm, rows->jacobian().rowwise().norm().maxCoeff(), 1e-12);
  }
}

TEST(Separability, RepeatsBitForBit) {
  RandomStream random(14, "rows");
  const Labels labels = random_labels(500, 2, random);
  const Matrix z = planted_margin(1e-3, labels, 10, random);
  const auto first = measure(z, labels), second = measure(z, labels);
  EXPECT_EQ(first.margin_lower, second.margin_lower);
  EXPECT_EQ(first.margin_upper, second.margin_upper);
  EXPECT_EQ(first.separator, second.separator);
}

TEST(Separability, RefusesRowsAndLabelsThatDoNotFit) {
  const DenseLinearization rows(Vector::Zero(3), Matrix::Ones(3, 2));
  EXPECT_THROW(measure_separability(rows, CrossEntropyLoss({0, 1}, 2)), UsageError);
  SeparabilityOptions options;
  options.relative_gap = 0;
  EXPECT_THROW(measure_separability(rows, CrossEntropyLoss({0, 1, 1}, 2), options), UsageError);
}

TEST(Separability, WordsOfTheReport) {
  EXPECT_STREQ(to_string(Separable::yes), "separable");
  EXPECT_STREQ(to_string(Separable::no), "not_separable");
  EXPECT_STREQ(to_string(Separable::undecided), "undecided");
}

}  // namespace
}  // namespace thalweg
