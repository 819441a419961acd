#include "thalweg/model/network.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <Eigen/SVD>
#include <cmath>
#include <tuple>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/core/threads.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/problem/composite_objective.hpp"
#include "thalweg/problem/derivative_check.hpp"
#include "thalweg/problem/output_loss.hpp"

namespace thalweg {
namespace {

Matrix random_matrix(Index rows, Index cols, std::uint64_t seed, const char* name = "matrix") {
  RandomStream random(seed, name);
  Matrix m(rows, cols);
  for (Index j = 0; j < cols; ++j) m.col(j) = random.normal_vector(rows);
  return m;
}

Vector random_vector(Index n, std::uint64_t seed, const char* name = "vector") {
  return RandomStream(seed, name).normal_vector(n);
}

/// A seeded block diagonal root without symmetry.
Matrix random_root(Index samples, Index outputs, std::uint64_t seed) {
  return random_matrix(samples * outputs, outputs, seed, "root");
}

/// The root as a dense (m, m) matrix.
Matrix dense_root(const Matrix& root) {
  const Index outputs = root.cols(), samples = root.rows() / outputs;
  Matrix s = Matrix::Zero(root.rows(), root.rows());
  for (Index i = 0; i < samples; ++i)
    for (Index q = 0; q < outputs; ++q)
      for (Index p = 0; p < outputs; ++p)
        s(q * samples + i, p * samples + i) = root(q * samples + i, p);
  return s;
}

Matrix lower(const Matrix& m) { return m.triangularView<Eigen::Lower>(); }

double relative_difference(const Matrix& a, const Matrix& b) {
  return (a - b).norm() / std::max(b.norm(), 1e-300);
}

/// The outputs by plain loops over one sample at a time: an independent statement of the model.
Matrix outputs_by_loops(const Network::Options& o, const Vector& x, const Matrix& inputs) {
  const auto phi = [&](double z) {
    switch (o.activation) {
      case Activation::tanh: return std::tanh(z);
      case Activation::softplus: return std::log(1 + std::exp(z));
      case Activation::sigmoid: return 1 / (1 + std::exp(-z));
      case Activation::gelu: return z * 0.5 * std::erfc(-z / std::sqrt(2.0));
      case Activation::relu: return z > 0 ? z : 0.0;
    }
    return 0.0;
  };
  std::vector<Index> widths = o.hidden;
  widths.push_back(o.outputs);
  Matrix y(inputs.rows(), o.outputs);
  for (Index i = 0; i < inputs.rows(); ++i) {
    Vector a = inputs.row(i);
    Index at = 0;
    for (std::size_t l = 0; l < widths.size(); ++l) {
      const bool scaled = o.parametrization == Parametrization::inverse_sqrt_width;
      const double c = scaled ? 1 / std::sqrt(static_cast<double>(a.size())) : 1;
      Vector z(widths[l]);
      for (Index out = 0; out < widths[l]; ++out) {
        double sum = 0;
        for (Index in = 0; in < a.size(); ++in) sum += x[at + out * a.size() + in] * a[in];
        z[out] = c * sum;
      }
      at += widths[l] * a.size();
      if (o.intercept) {
        z += x.segment(at, widths[l]);
        at += widths[l];
      }
      a = l + 1 < widths.size() ? Vector(z.unaryExpr(phi)) : z;
    }
    y.row(i) = o.output_scale * a;
  }
  return y;
}

/// The generic fallbacks of the base class on top of the network's own apply and apply_adjoint.
class Generic final : public Linearization {
 public:
  explicit Generic(const Linearization& inner) : inner_(inner) {}
  Index parameter_count() const override { return inner_.parameter_count(); }
  Index output_count() const override { return inner_.output_count(); }
  Index outputs_per_sample() const override { return inner_.outputs_per_sample(); }
  const Vector& outputs() const override { return inner_.outputs(); }
  void apply(const ConstVectorRef& v, VectorRef jv) const override { inner_.apply(v, jv); }
  void apply_adjoint(const ConstVectorRef& u, VectorRef jtu) const override {
    inner_.apply_adjoint(u, jtu);
  }

 private:
  const Linearization& inner_;
};

struct Case {
  Network::Options options;
  Index samples;
};

std::string name_of(const Case& c) {
  std::string text = Network(c.options).description() + " inputs " +
                     std::to_string(c.options.inputs) + " outputs " +
                     std::to_string(c.options.outputs) + " " + to_string(c.options.activation) +
                     " samples " + std::to_string(c.samples);
  if (c.options.parametrization == Parametrization::inverse_sqrt_width) text += " ntk";
  return text;
}

/// Architectures that touch every branch: no, one and several hidden layers, one and several
/// outputs, both parametrizations, an output scale, several tiles and blocks of samples.
std::vector<Case> cases() {
  const auto ntk = Parametrization::inverse_sqrt_width;
  const auto standard = Parametrization::standard;
  return {
      {{.inputs = 3, .hidden = {}, .outputs = 1}, 7},
      {{.inputs = 3, .hidden = {}, .outputs = 2, .intercept = false}, 9},
      {{.inputs = 2, .hidden = {}, .outputs = 3, .output_scale = 0.5}, 5},
      {{.inputs = 1, .hidden = {1}, .outputs = 1}, 1},
      {{.inputs = 4, .hidden = {6}, .outputs = 1, .activation = Activation::softplus}, 23},
      {{.inputs = 4, .hidden = {5, 7}, .outputs = 2, .activation = Activation::gelu}, 31},
      {{.inputs = 3,
        .hidden = {8, 4, 6},
        .outputs = 3,
        .activation = Activation::tanh,
        .parametrization = ntk,
        .output_scale = 2.5},
       19},
      {{.inputs = 2,
        .hidden = {4, 3},
        .outputs = 1,
        .activation = Activation::sigmoid,
        .parametrization = ntk},
       700},
      {{.inputs = 3,
        .hidden = {5},
        .outputs = 2,
        .activation = Activation::tanh,
        .parametrization = standard},
       420},
  };
}

struct At {
  explicit At(const Case& c, std::uint64_t seed = 3)
      : network(c.options),
        inputs(random_matrix(c.samples, c.options.inputs, seed, "inputs")),
        x(c.options.hidden.empty() ? random_vector(network.parameter_count(), seed, "start")
                                   : network.initial_parameters(seed)),
        model(network.on(inputs)),
        linearization(model->linearize(x)) {}
  Network network;
  Matrix inputs;
  Vector x;
  std::shared_ptr<const OutputModel> model;
  std::unique_ptr<Linearization> linearization;
};

class EveryArchitecture : public testing::TestWithParam<Case> {};

TEST_P(EveryArchitecture, OutputsAgreeWithPlainLoops) {
  SCOPED_TRACE(name_of(GetParam()));
  At at(GetParam());
  const Matrix expected = outputs_by_loops(GetParam().options, at.x, at.inputs);
  EXPECT_LT(relative_difference(at.network.predict(at.x, at.inputs), expected), 1e-13);
  Vector y(at.model->output_count());
  at.model->outputs(at.x, y);
  const Eigen::Map<const Vector> stacked(expected.data(), expected.size());
  EXPECT_LT(relative_difference(y, stacked), 1e-13);
  EXPECT_LT(relative_difference(at.linearization->outputs(), stacked), 1e-13);
}

TEST_P(EveryArchitecture, JacobianHasTaylorSlopeTwo) {
  SCOPED_TRACE(name_of(GetParam()));
  At at(GetParam());
  const Matrix j = at.linearization->jacobian();
  const Vector v = random_vector(at.x.size(), 5).normalized();
  const Vector y = at.linearization->outputs(), jv = j * v;
  Vector moved(y.size());
  const auto remainder = [&](double h) {
    at.model->outputs(at.x + h * v, moved);
    return (moved - y - h * jv).norm() / jv.norm();
  };
  const TaylorSlope slope = taylor_slope(remainder, 1, 1e-12);
  if (GetParam().options.hidden.empty()) {
    EXPECT_LT(slope.largest_remainder, 1e-12);  // linear in the parameters
  } else {
    ASSERT_TRUE(slope.slope.has_value());
    EXPECT_NEAR(*slope.slope, 2, 0.1);
  }
}

TEST_P(EveryArchitecture, ProductsAgreeWithTheJacobian) {
  SCOPED_TRACE(name_of(GetParam()));
  At at(GetParam());
  const Linearization& lin = *at.linearization;
  const Matrix j = lin.jacobian();
  const Vector v = random_vector(at.x.size(), 5), u = random_vector(j.rows(), 6);
  Vector jv(j.rows()), jtu(j.cols());
  lin.apply(v, jv);
  lin.apply_adjoint(u, jtu);
  EXPECT_LT(relative_difference(jv, j * v), 1e-12);
  EXPECT_LT(relative_difference(jtu, j.transpose() * u), 1e-12);
}

TEST_P(EveryArchitecture, GramAndNormalAgreeWithTheJacobianAndLeaveTheUpperTriangle) {
  SCOPED_TRACE(name_of(GetParam()));
  At at(GetParam());
  const Linearization& lin = *at.linearization;
  const Matrix j = lin.jacobian();
  const double untouched = 7;
  Matrix k = Matrix::Constant(j.rows(), j.rows(), untouched);
  lin.gram(k);
  EXPECT_LT(relative_difference(lower(k), lower(j * j.transpose())), 1e-12);

  Matrix h = Matrix::Constant(j.cols(), j.cols(), untouched);
  lin.normal(h);
  EXPECT_LT(relative_difference(lower(h), lower(j.transpose() * j)), 1e-12);

  const Matrix root = random_root(GetParam().samples, GetParam().options.outputs, 8);
  const Matrix sj = dense_root(root) * j;
  Matrix weighted = Matrix::Constant(j.cols(), j.cols(), untouched);
  lin.normal(root, weighted);
  EXPECT_LT(relative_difference(lower(weighted), lower(sj.transpose() * sj)), 1e-12);

  for (const Matrix* m : {&k, &h, &weighted})
    for (Index c = 1; c < m->cols(); ++c)
      ASSERT_TRUE((m->col(c).head(c).array() == untouched).all()) << "column " << c;
}

TEST_P(EveryArchitecture, GenericFallbacksAgree) {
  SCOPED_TRACE(name_of(GetParam()));
  At at(GetParam());
  const Linearization& lin = *at.linearization;
  const Generic generic(lin);
  const Index m = lin.output_count(), n = lin.parameter_count();
  Matrix k(m, m), k_generic(m, m), h(n, n), h_generic(n, n);
  k.setZero(), k_generic.setZero(), h.setZero(), h_generic.setZero();
  const Matrix root = random_root(GetParam().samples, GetParam().options.outputs, 8);
  lin.gram(k);
  generic.gram(k_generic);
  lin.normal(root, h);
  generic.normal(root, h_generic);
  EXPECT_LT(relative_difference(k, k_generic), 1e-12);
  EXPECT_LT(relative_difference(h, h_generic), 1e-12);
  EXPECT_LT(relative_difference(lin.jacobian(), generic.jacobian()), 1e-12);
}

TEST_P(EveryArchitecture, RepeatsBitForBitForAThreadCountAndInAnyOrder) {
  SCOPED_TRACE(name_of(GetParam()));
  const int before = threads();
  for (const int count : {1, 2}) {
    set_threads(count);
    At first(GetParam()), second(GetParam());
    const Index m = first.linearization->output_count(), n = first.x.size();
    const Vector v = random_vector(n, 5), u = random_vector(m, 6);
    Matrix k1 = Matrix::Zero(m, m), k2 = k1, h1 = Matrix::Zero(n, n), h2 = h1;
    Vector jv1(m), jv2(m), jtu1(n), jtu2(n);
    first.linearization->apply_adjoint(u, jtu1);
    first.linearization->apply(v, jv1);
    first.linearization->gram(k1);
    first.linearization->normal(h1);
    second.linearization->normal(h2);
    second.linearization->gram(k2);
    second.linearization->apply(v, jv2);
    second.linearization->apply_adjoint(u, jtu2);
    EXPECT_TRUE(first.linearization->outputs() == second.linearization->outputs());
    EXPECT_TRUE(jv1 == jv2);
    EXPECT_TRUE(jtu1 == jtu2);
    EXPECT_TRUE(k1 == k2);
    EXPECT_TRUE(h1 == h2);
  }
  set_threads(before);
}

TEST_P(EveryArchitecture, ABatchIsThePartOfItsSamples) {
  SCOPED_TRACE(name_of(GetParam()));
  At at(GetParam());
  const Index n = GetParam().samples, outputs = GetParam().options.outputs;
  const Matrix targets = random_matrix(n, outputs, 11, "targets");
  const SquaredLoss loss(targets);
  const std::vector<Index> batch = {n - 1, 0, n / 2, n / 2};
  Vector g(at.x.size());
  const double sum = at.model->batch_sum(at.x, batch, loss, g);

  const Matrix j = at.linearization->jacobian();
  double expected = 0;
  Vector expected_g = Vector::Zero(at.x.size());
  for (const Index sample : batch) {
    for (Index q = 0; q < outputs; ++q) {
      const double r = at.linearization->outputs()[q * n + sample] - targets(sample, q);
      expected += r * r / 2;
      expected_g += r * j.row(q * n + sample).transpose();
    }
  }
  EXPECT_NEAR(sum, expected, 1e-12 * expected);
  EXPECT_LT(relative_difference(g, expected_g), 1e-12);
  // Another batch in between, and one of another size, leave no trace.
  Vector other(at.x.size()), again(at.x.size());
  at.model->batch_sum(at.x, std::vector<Index>{0}, loss, other);
  at.model->batch_sum(2 * at.x, std::vector<Index>(4, 0), loss, other);
  EXPECT_EQ(at.model->batch_sum(at.x, batch, loss, again), sum);
  EXPECT_TRUE(again == g);
}

INSTANTIATE_TEST_SUITE_P(Network, EveryArchitecture, testing::ValuesIn(cases()),
                         [](const auto& which) { return "case" + std::to_string(which.index); });

RC_GTEST_PROP(NetworkProperty, AdjointIsTheTransposeAndGramTheProduct, ()) {
  Network::Options options;
  options.inputs = *rc::gen::inRange<Index>(1, 6);
  options.hidden = *rc::gen::container<std::vector<Index>>(rc::gen::inRange<Index>(1, 12));
  if (options.hidden.size() > 4) options.hidden.resize(4);
  options.outputs = *rc::gen::inRange<Index>(1, 4);
  options.activation = *rc::gen::element(Activation::tanh, Activation::softplus,
                                         Activation::sigmoid, Activation::gelu, Activation::relu);
  options.parametrization =
      *rc::gen::element(Parametrization::standard, Parametrization::inverse_sqrt_width);
  options.output_scale = *rc::gen::element(1.0, 0.1, 8.0);
  const At at({options, *rc::gen::inRange<Index>(1, 40)},
              *rc::gen::inRange<std::uint64_t>(0, 1000));
  const Linearization& lin = *at.linearization;
  const Index m = lin.output_count();
  const Vector v = random_vector(at.x.size(), 5), u = random_vector(m, 6);
  Vector jv(m), jtu(at.x.size()), jjtu(m);
  lin.apply(v, jv);
  lin.apply_adjoint(u, jtu);
  const double scale = jv.norm() * u.norm() + jtu.norm() * v.norm();
  RC_ASSERT(std::abs(jv.dot(u) - v.dot(jtu)) <= 1e-13 * scale);

  lin.apply(jtu, jjtu);
  Matrix k = Matrix::Zero(m, m);
  lin.gram(k);
  const Vector ku = k.selfadjointView<Eigen::Lower>() * u;
  RC_ASSERT((ku - jjtu).norm() <= 1e-12 * k.norm() * u.norm() + 1e-300);
}

// Large enough that between the two every operation starts its threads.
TEST(Network, TwoThreadsRepeatTheirBitsAndAgreeWithOne) {
  const int before = threads();
  const Case wide{{.inputs = 4, .hidden = {200, 190}, .outputs = 1}, 640};
  const Case narrow{{.inputs = 3, .hidden = {16, 12}, .outputs = 2}, 3000};
  struct Results {
    Vector outputs, jv, jtu;
    Matrix k, h;
  };
  const auto compute = [](const Case& c, int count) {
    set_threads(count);
    const At at(c);
    const Index m = at.linearization->output_count(), n = at.x.size();
    Results r{at.linearization->outputs(), Vector(m), Vector(n), {}, {}};
    at.linearization->apply(random_vector(n, 5), r.jv);
    at.linearization->apply_adjoint(random_vector(m, 6), r.jtu);
    if (m < n) at.linearization->gram(r.k = Matrix::Zero(m, m));
    if (n < m) at.linearization->normal(r.h = Matrix::Zero(n, n));
    return r;
  };
  for (const Case& c : {wide, narrow}) {
    const Results one = compute(c, 1), two = compute(c, 2), again = compute(c, 2);
    const auto compare = [](const Matrix& a, const Matrix& b, const Matrix& repeated) {
      EXPECT_TRUE(b == repeated);
      EXPECT_LE((a - b).norm(), 1e-12 * a.norm());
    };
    compare(one.outputs, two.outputs, again.outputs);
    compare(one.jv, two.jv, again.jv);
    compare(one.jtu, two.jtu, again.jtu);
    compare(one.k, two.k, again.k);
    compare(one.h, two.h, again.h);
  }
  set_threads(before);
}

TEST(Network, RowsOfAnyRangeAreRowsOfTheJacobian) {
  At at({{.inputs = 3, .hidden = {4, 5}, .outputs = 3}, 11});
  const Matrix j = at.linearization->jacobian();
  const auto ranges = {std::pair<Index, Index>{0, 1}, {10, 3}, {9, 24}, {32, 1}, {0, 33}};
  for (const auto& [first, count] : ranges) {
    Matrix rows(j.cols(), count);
    at.linearization->rows(first, count, rows);
    EXPECT_LT(relative_difference(rows, j.middleRows(first, count).transpose()), 1e-14);
  }
}

TEST(Network, AllZeroParametersHaveAJacobianOfRankOne) {
  const Network network({.inputs = 3, .hidden = {8, 8}, .outputs = 1});
  const Matrix inputs = random_matrix(12, 3, 1);
  const auto lin = network.on(inputs)->linearize(Vector::Zero(network.parameter_count()));
  EXPECT_EQ(lin->outputs().norm(), 0);
  const Vector s = Eigen::JacobiSVD<Matrix>(lin->jacobian()).singularValues();
  EXPECT_NEAR(s[0], std::sqrt(12.0), 1e-12);  // the output bias alone moves the outputs
  EXPECT_LT(s[1], 1e-14);
  Matrix k = Matrix::Zero(12, 12);
  lin->gram(k);
  EXPECT_LT(relative_difference(lower(k), lower(Matrix::Ones(12, 12))), 1e-14);
}

TEST(Network, OutlivesItsModelAndReusesItsBuffers) {
  const Network network({.inputs = 2, .hidden = {3}, .outputs = 2});
  auto model = network.on(random_matrix(5, 2, 1));
  const Vector x = network.initial_parameters(1), other = network.initial_parameters(2);
  auto first = model->linearize(x);
  const Vector y = first->outputs();
  auto second = model->linearize(other);  // must not disturb the first
  const Matrix j = first->jacobian();
  second.reset();
  second = model->linearize(x);
  EXPECT_TRUE(second->outputs() == y);
  EXPECT_TRUE(second->jacobian() == j);
  model.reset();
  EXPECT_TRUE(first->jacobian() == j);
}

TEST(Network, ReusedBuffersDoNotCarryOldSensitivities) {
  const Network network({.inputs = 2, .hidden = {3, 4}, .outputs = 1});
  const auto model = network.on(random_matrix(5, 2, 1));
  const Vector x = network.initial_parameters(1), other = network.initial_parameters(2);
  const Matrix expected = model->linearize(other)->jacobian();
  model->linearize(x)->jacobian();
  EXPECT_TRUE(model->linearize(other)->jacobian() == expected);
}

TEST(Network, StartIsSeededAndHasTheDocumentedMoments) {
  for (const auto parametrization :
       {Parametrization::standard, Parametrization::inverse_sqrt_width}) {
    for (const auto activation : {Activation::tanh, Activation::relu}) {
      const Network network({.inputs = 40,
                             .hidden = {500, 300},
                             .outputs = 2,
                             .activation = activation,
                             .parametrization = parametrization});
      const Vector x = network.initial_parameters(4);
      EXPECT_TRUE(x == network.initial_parameters(4));
      EXPECT_FALSE(x == network.initial_parameters(5));
      const bool ntk = parametrization == Parametrization::inverse_sqrt_width;
      const double gain = activation == Activation::relu ? 2 : 1;
      const auto variance = [](const auto& v) { return v.squaredNorm() / v.size(); };
      // Tolerances are about 4 standard deviations of a sample variance, 4 sqrt(2 / count).
      EXPECT_NEAR(variance(x.head(20000)) / (ntk ? gain : gain / 40), 1, 0.04);
      EXPECT_NEAR(variance(x.segment(20000, 500)) / 0.25, 1, 0.26);
      EXPECT_NEAR(variance(x.segment(20500, 150000)) / (ntk ? gain : gain / 500), 1, 0.015);
      EXPECT_NEAR(variance(x.segment(170800, 600)) / (ntk ? 1.0 : 1.0 / 300), 1, 0.24);
      EXPECT_EQ(x.tail(2).norm(), 0);
    }
  }
}

TEST(Network, WithoutHiddenLayersItIsALinearModelThatStartsAtZero) {
  const Matrix inputs = random_matrix(20, 3, 1);
  for (const bool intercept : {true, false}) {
    const Network network({.inputs = 3, .hidden = {}, .outputs = 2, .intercept = intercept});
    EXPECT_TRUE(network.linear());
    EXPECT_EQ(network.description(), "linear");
    EXPECT_EQ(network.parameter_count(), intercept ? 8 : 6);
    EXPECT_TRUE(network.initial_parameters(3) == Vector::Zero(network.parameter_count()));
    const auto model = network.on(inputs);
    EXPECT_NE(dynamic_cast<const LinearModel*>(model.get()), nullptr);
    EXPECT_EQ(model->parameter_count(), network.parameter_count());

    const Vector x = random_vector(network.parameter_count(), 2);
    const Vector mean = random_vector(3, 3), scale = random_vector(3, 4).array().abs() + 0.5;
    const SparseMatrix raw = inputs.sparseView();
    const Matrix seen = (inputs.rowwise() - mean.transpose()) * scale.cwiseInverse().asDiagonal();
    const Matrix expected = network.predict(x, seen);
    EXPECT_LT(relative_difference(network.predict(x, raw, mean, scale), expected), 1e-14);
    Vector y(40);
    network.linear_on(raw, mean, scale)->outputs(x, y);
    EXPECT_LT(relative_difference(Eigen::Map<Matrix>(y.data(), 20, 2), expected), 1e-14);
    network.linear_on(seen)->outputs(x, y);
    EXPECT_LT(relative_difference(Eigen::Map<Matrix>(y.data(), 20, 2), expected), 1e-14);
    EXPECT_EQ(network.predict(x, SparseMatrix(0, 3), {}, {}).rows(), 0);
  }
}

TEST(Network, OnlyPlainNetworksWithoutHiddenLayersAreLinear) {
  const auto ntk = Parametrization::inverse_sqrt_width;
  for (const Network::Options& options : {Network::Options{.inputs = 2, .hidden = {3}},
                                          {.inputs = 2, .hidden = {}, .output_scale = 0.5},
                                          {.inputs = 2, .hidden = {}, .parametrization = ntk}}) {
    const Network network(options);
    EXPECT_FALSE(network.linear());
    EXPECT_THROW(network.linear_on(Matrix::Zero(3, 2)), UsageError);
    EXPECT_THROW(
        network.predict(Vector::Zero(network.parameter_count()), SparseMatrix(3, 2), {}, {}),
        UsageError);
    auto without = options;
    without.intercept = false;
    EXPECT_THROW(without.validate(), UsageError);
  }
}

TEST(Network, NonFiniteParametersGiveNonFiniteOutputsWithoutThrowing) {
  const Network network({.inputs = 2, .hidden = {4, 4}, .outputs = 1});
  const auto model = network.on(random_matrix(6, 2, 1));
  Vector x = network.initial_parameters(1);
  x[3] = std::nan("");
  const auto lin = model->linearize(x);
  EXPECT_FALSE(lin->outputs().allFinite());
  Vector g(x.size());
  lin->apply_adjoint(Vector::Ones(6), g);
  EXPECT_FALSE(g.allFinite());
}

TEST(Network, MisuseIsNamed) {
  EXPECT_THROW(Network({.inputs = 0, .hidden = {0}, .outputs = 0, .output_scale = -1}), UsageError);
  try {
    Network({.inputs = 0, .hidden = {0}, .outputs = 0, .output_scale = -1});
  } catch (const UsageError& error) {
    const std::string text = error.what();
    for (const char* part : {"inputs", "hidden", "outputs", "output_scale"})
      EXPECT_NE(text.find(part), std::string::npos) << text;
  }
  const Network network({.inputs = 2, .hidden = {3}, .outputs = 1});
  EXPECT_THROW(network.predict(Vector::Zero(4), Matrix::Zero(3, 2)), UsageError);
  EXPECT_THROW(network.predict(network.initial_parameters(1), Matrix::Zero(3, 5)), UsageError);
  EXPECT_THROW(network.on(Matrix::Zero(3, 5)), UsageError);
  EXPECT_THROW(network.on(Matrix::Zero(0, 2)), UsageError);
}

TEST(Network, CountsItsWork) {
  const Network network({.inputs = 8, .hidden = {32, 32}, .outputs = 1});
  EXPECT_EQ(network.parameter_count(), 1377);
  EXPECT_EQ(network.layer_count(), 3);
  EXPECT_EQ(network.description(), "mlp:32,32");
  const auto model = network.on(random_matrix(100, 8, 1));
  const auto lin = model->linearize(network.initial_parameters(1));
  EXPECT_EQ(model->forward_flops(), 2.0 * 100 * 1377);
  // Half-vectorized diagonal blocks 528*45 + 528*561 + 561 and full ones 1024*297 + 32*297 +
  // 32*1089.
  EXPECT_EQ(lin->normal_flops(), 2.0 * 100 * (23760 + 296208 + 561 + 304128 + 9504 + 34848));
  EXPECT_LT(lin->normal_flops(), 100.0 * 1377 * 1377);
}

}  // namespace
}  // namespace thalweg
