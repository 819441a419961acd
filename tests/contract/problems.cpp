#include "contract/problems.hpp"

#include <cmath>
#include <limits>

#include "thalweg/core/random.hpp"
#include "thalweg/model/linear_model.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/model/matrix_completion.hpp"
#include "thalweg/model/matrix_factorization.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/model/saddle_chain.hpp"
#include "thalweg/model/strict_saddle.hpp"
#include "thalweg/model/symmetric_network.hpp"
#include "thalweg/model/tensor_decomposition.hpp"
#include "thalweg/problem/composite_objective.hpp"

namespace thalweg::contract {
namespace {

// f(x) = 1/2 sum k^2 (x_k - 1)^2, condition 36.
class Quadratic final : public Objective {
 public:
  Index dimension() const override { return 6; }
  double value(const ConstVectorRef& x) const override {
    return 0.5 * (scale().array() * (x.array() - 1).square()).sum();
  }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    g = scale().array() * (x.array() - 1);
    return value(x);
  }

 private:
  Vector scale() const { return Vector::LinSpaced(6, 1, 6).cwiseAbs2(); }
};

class Rosenbrock final : public Objective {
 public:
  Index dimension() const override { return 4; }
  double value(const ConstVectorRef& x) const override {
    Vector g(4);
    return value_and_gradient(x, g);
  }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    double f = 0;
    g.setZero();
    for (Index i = 0; i + 1 < 4; ++i) {
      const double valley = x[i + 1] - x[i] * x[i], slope = 1 - x[i];
      f += 100 * valley * valley + slope * slope;
      g[i] += -400 * x[i] * valley - 2 * slope;
      g[i + 1] += 200 * valley;
    }
    return f;
  }
};

// y_i = x0 exp(-x1 t_i) + x2 exp(-x3 t_i), with its Jacobian.
class Exponentials final : public OutputModel {
 public:
  Index parameter_count() const override { return 4; }
  Index output_count() const override { return 12; }
  void outputs(const ConstVectorRef& x, VectorRef y) const override {
    y = x[0] * decay(x[1]) + x[2] * decay(x[3]);
  }
  std::unique_ptr<Linearization> linearize(const ConstVectorRef& x) const override {
    Vector y(12);
    outputs(x, y);
    Matrix j(12, 4);
    j.col(0) = decay(x[1]);
    j.col(1) = -x[0] * times().cwiseProduct(j.col(0));
    j.col(2) = decay(x[3]);
    j.col(3) = -x[2] * times().cwiseProduct(j.col(2));
    return std::make_unique<DenseLinearization>(std::move(y), std::move(j));
  }

 private:
  static Vector times() { return Vector::LinSpaced(12, 0, 2); }
  static Vector decay(double rate) { return (-rate * times().array()).exp(); }
};

// Counts the samples of another model.
class Counted final : public OutputModel {
 public:
  Counted(std::shared_ptr<const OutputModel> model, Work& work)
      : model_(std::move(model)), work_(work) {}
  Index parameter_count() const override { return model_->parameter_count(); }
  Index output_count() const override { return model_->output_count(); }
  Index outputs_per_sample() const override { return model_->outputs_per_sample(); }
  bool linear() const override { return model_->linear(); }
  void outputs(const ConstVectorRef& x, VectorRef y) const override {
    work_.samples += sample_count();
    model_->outputs(x, y);
  }
  std::unique_ptr<Linearization> linearize(const ConstVectorRef& x) const override {
    work_.samples += sample_count();
    return model_->linearize(x);
  }
  double batch_sum(const ConstVectorRef& x, Batch batch, const BatchLoss& loss,
                   VectorRef g) const override {
    work_.samples += static_cast<std::int64_t>(batch.size());
    return model_->batch_sum(x, batch, loss, g);
  }

 private:
  std::shared_ptr<const OutputModel> model_;
  Work& work_;
};

class CountedRosenbrock final : public Objective {
 public:
  explicit CountedRosenbrock(Work& work) : work_(work) {}
  Index dimension() const override { return 4; }
  double value(const ConstVectorRef& x) const override {
    ++work_.samples;
    return objective_.value(x);
  }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    ++work_.samples;
    return objective_.value_and_gradient(x, g);
  }

 private:
  Rosenbrock objective_;
  Work& work_;
};

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

// Pulls beyond its own domain: the minimiser 3 of each coordinate is not in |x| <= 2.
class BoundedObjective final : public Objective {
 public:
  Index dimension() const override { return 3; }
  double value(const ConstVectorRef& x) const override {
    return x.norm() > 2 ? not_a_number : 0.5 * (x.array() - 3).square().sum();
  }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    g = x.array() - 3;
    return value(x);
  }
};

class BoundedModel final : public OutputModel {
 public:
  Index parameter_count() const override { return 3; }
  Index output_count() const override { return 3; }
  bool linear() const override { return true; }  // as far as it goes
  void outputs(const ConstVectorRef& x, VectorRef y) const override {
    y = x;
    if (x.norm() > 2) y.setConstant(not_a_number);
  }
  std::unique_ptr<Linearization> linearize(const ConstVectorRef& x) const override {
    Vector y(3);
    outputs(x, y);
    return std::make_unique<DenseLinearization>(std::move(y), Matrix::Identity(3, 3));
  }
};

std::shared_ptr<const Objective> squared(std::shared_ptr<const OutputModel> model, Matrix targets) {
  return std::make_shared<CompositeObjective>(std::move(model),
                                              std::make_shared<SquaredLoss>(std::move(targets)));
}

std::shared_ptr<const Objective> classified(std::shared_ptr<const OutputModel> model,
                                            std::vector<int> labels, int classes) {
  return std::make_shared<CompositeObjective>(
      std::move(model), std::make_shared<CrossEntropyLoss>(std::move(labels), classes));
}

Matrix random_matrix(Index rows, Index columns, std::string_view name) {
  RandomStream random(7, name);
  return random.normal_vector(rows * columns).reshaped(rows, columns);
}

Network network(Index inputs, Index width, Index outputs) {
  return Network({.inputs = inputs, .hidden = {width}, .outputs = outputs});
}

Problem wide_network() {
  const Network net = network(2, 8, 1);
  const Matrix inputs = random_matrix(6, 2, "wide");
  const Matrix targets = (inputs.col(0) - inputs.col(1)).array().sin();
  return {"wide_network", squared(net.on(inputs), targets), net.initial_parameters(1)};
}

Problem tall_network() {
  const Network net = network(3, 4, 2);
  const Matrix inputs = random_matrix(60, 3, "tall");
  Matrix targets(60, 2);
  targets.col(0) = inputs.col(0).array().sin();
  targets.col(1) = inputs.col(1).array() * inputs.col(2).array();
  return {"tall_network", squared(net.on(inputs), targets), net.initial_parameters(1)};
}

Problem classifier() {
  const Network net = network(2, 5, 3);
  const Matrix inputs = random_matrix(40, 2, "classes");
  std::vector<int> labels;
  for (Index i = 0; i < 40; ++i)
    labels.push_back(inputs(i, 0) > 0.3 ? 0 : (inputs(i, 1) > 0 ? 1 : 2));
  return {"classifier", classified(net.on(inputs), std::move(labels), 3),
          net.initial_parameters(1)};
}

// Random rows labelled by the largest of `classes` random forms. Those that win by less than
// `margin` are left out; with a negative margin none is, and every seventh is labelled wrongly.
Problem linear_classifier(const char* name, int classes, double margin) {
  constexpr Index candidates = 60, inputs = 3;
  const Matrix table = random_matrix(candidates, inputs, name);
  const Matrix forms = random_matrix(inputs, classes, "forms");
  const Matrix scores = table * forms;
  std::vector<Index> kept;
  std::vector<int> labels;
  for (Index i = 0; i < candidates; ++i) {
    int best = 0;
    for (int q = 1; q < classes; ++q)
      if (scores(i, q) > scores(i, best)) best = q;
    bool clear = true;
    for (int q = 0; q < classes; ++q)
      clear = clear && (q == best || scores(i, best) - scores(i, q) >= margin);
    if (!clear) continue;
    kept.push_back(i);
    labels.push_back(margin < 0 && i % 7 == 0 ? (best + 1) % classes : best);
  }
  const Matrix rows = table(kept, Eigen::all);
  const auto model = std::make_shared<LinearModel>(
      rows, LinearModel::Options{.outputs = classes == 2 ? 1 : classes, .intercept = false});
  auto objective = std::make_shared<LinearObjective>(
      model, std::make_shared<CrossEntropyLoss>(std::move(labels), classes));
  const Vector start = Vector::Zero(objective->dimension());
  return {name, std::move(objective), start};
}

// Every row twice, once of each class: the start 0 is the minimiser.
Problem contradiction() {
  Matrix rows(4, 2);
  rows << 1, 2, -3, 1, 1, 2, -3, 1;
  const auto model = std::make_shared<LinearModel>(rows, LinearModel::Options{.intercept = false});
  return {"contradiction", classified(model, {0, 0, 1, 1}, 2), Vector::Zero(2)};
}

Problem exponentials() {
  const auto model = std::make_shared<Exponentials>();
  Vector truth(4), start(4), targets(12);
  truth << 2, 0.5, -1, 3;
  start << 1, 0.2, -0.5, 2;
  model->outputs(truth, targets);
  targets += 0.01 * random_matrix(12, 1, "noise");
  return {"exponentials", squared(model, targets), start};
}

}  // namespace

std::vector<Problem> saddle_problems() {
  const auto strict = std::make_shared<StrictSaddleObjective>(
      StrictSaddleObjective::Options{.dimension = 6, .least_curvature = 0.1});
  const auto chain =
      std::make_shared<SaddleChainObjective>(SaddleChainObjective::Options{.dimension = 3});
  const auto factorization =
      std::make_shared<MatrixFactorizationObjective>(factorization_matrix(6, 2, 1), 2);
  const auto completion =
      matrix_completion({.size = 6, .rank = 1, .samples = 8, .seed = 1}).objective;
  const auto tensor = std::make_shared<TensorDecompositionObjective>(
      TensorDecompositionObjective::Options{.size = 4, .rank = 2, .seed = 1});
  const Vector beside = tensor->start() + 0.1 * random_matrix(8, 1, "beside");
  return {{"strict_saddle", strict, strict->start()},
          {"saddle_chain", chain, chain->start(1)},
          {"matrix_factorization", factorization, factorization->start(1, 10)},
          {"matrix_completion", completion, completion->start(1, 10)},
          {"tensor_decomposition", tensor, beside}};
}

std::vector<Problem> gradient_problems() {
  Vector valley(4);
  valley << -1.2, 1, -1.2, 1;
  std::vector<Problem> problems = {{"quadratic", std::make_shared<Quadratic>(), Vector::Zero(6)},
                                   {"rosenbrock", std::make_shared<Rosenbrock>(), valley}};
  for (Problem& problem : saddle_problems()) problems.push_back(std::move(problem));
  return problems;
}

std::vector<Problem> composite_problems() {
  SymmetricNetwork symmetric =
      symmetric_network({.samples = 30, .inputs = 2, .hidden = 3, .seed = 1});
  return {exponentials(),
          wide_network(),
          tall_network(),
          classifier(),
          {"symmetric_network", std::move(symmetric.objective), std::move(symmetric.start)}};
}

std::vector<Problem> margin_problems() {
  return {linear_classifier("separable_rows", 2, 0.2), linear_classifier("mixed_rows", 2, -2),
          linear_classifier("separable_classes", 3, 0.2),
          linear_classifier("mixed_classes", 3, -2)};
}

std::vector<Problem> problems_for(const MethodInfo& method) {
  // Made once: every test is a process of its own, and asks for each case's name.
  static const std::vector<Problem> margins = margin_problems(), composites = composite_problems(),
                                    gradients = gradient_problems();
  std::vector<Problem> problems = margins;
  const auto add = [&](const std::vector<Problem>& more) {
    problems.insert(problems.end(), more.begin(), more.end());
  };
  if (!method.needs_margins) add(composites);
  if (!method.needs_margins && !method.needs_composite && !method.needs_samples) add(gradients);
  return problems;
}

Problem counted_problem(const MethodInfo& method, Work& work) {
  if (!method.needs_composite && !method.needs_samples && !method.needs_margins)
    return {"rosenbrock", std::make_shared<CountedRosenbrock>(work), gradient_problems()[1].start};
  const Problem problem = method.needs_margins ? margin_problems().front() : wide_network();
  const auto& objective = dynamic_cast<const CompositeObjective&>(*problem.objective);
  // The parts are kept alive by the copies that the deleters hold.
  const std::shared_ptr<const OutputModel> model(&objective.model(),
                                                 [keep = problem.objective](const OutputModel*) {});
  const std::shared_ptr<const OutputLoss> loss(&objective.loss(),
                                               [keep = problem.objective](const OutputLoss*) {});
  return {problem.name,
          std::make_shared<CompositeObjective>(std::make_shared<Counted>(model, work), loss),
          problem.start};
}

Problem bounded_problem(const MethodInfo& method) {
  const Vector start = Vector::Constant(3, 0.5);
  const auto model = std::make_shared<BoundedModel>();
  if (method.needs_margins) return {"bounded", classified(model, {1, 1, 1}, 2), start};
  if (method.needs_composite || method.needs_samples)
    return {"bounded", squared(model, Matrix::Constant(3, 1, 3)), start};
  return {"bounded", std::make_shared<BoundedObjective>(), start};
}

Problem solved_problem(const MethodInfo& method) {
  if (method.needs_margins) return contradiction();
  if (!method.needs_composite && !method.needs_samples)
    return {"quadratic", std::make_shared<Quadratic>(), Vector::Ones(6)};
  const auto model = std::make_shared<Exponentials>();
  Vector start(4), targets(12);
  start << 1, 0.2, -0.5, 2;
  model->outputs(start, targets);
  return {"exponentials", squared(model, targets), start};
}

}  // namespace thalweg::contract
