#include "contract/problems.hpp"

#include <cmath>
#include <limits>

#include "thalweg/core/random.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/model/output_losses.hpp"
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

// Counts the passes of another model.
class Counted final : public OutputModel {
 public:
  Counted(std::shared_ptr<const OutputModel> model, Passes& passes)
      : model_(std::move(model)), passes_(passes) {}
  Index parameter_count() const override { return model_->parameter_count(); }
  Index output_count() const override { return model_->output_count(); }
  Index outputs_per_sample() const override { return model_->outputs_per_sample(); }
  void outputs(const ConstVectorRef& x, VectorRef y) const override {
    ++passes_.count;
    model_->outputs(x, y);
  }
  std::unique_ptr<Linearization> linearize(const ConstVectorRef& x) const override {
    ++passes_.count;
    return model_->linearize(x);
  }

 private:
  std::shared_ptr<const OutputModel> model_;
  Passes& passes_;
};

class CountedRosenbrock final : public Objective {
 public:
  explicit CountedRosenbrock(Passes& passes) : passes_(passes) {}
  Index dimension() const override { return 4; }
  double value(const ConstVectorRef& x) const override {
    ++passes_.count;
    return objective_.value(x);
  }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    ++passes_.count;
    return objective_.value_and_gradient(x, g);
  }

 private:
  Rosenbrock objective_;
  Passes& passes_;
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
  return {"classifier",
          std::make_shared<CompositeObjective>(net.on(inputs),
                                               std::make_shared<CrossEntropyLoss>(labels, 3)),
          net.initial_parameters(1)};
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

std::vector<Problem> gradient_problems() {
  Vector valley(4);
  valley << -1.2, 1, -1.2, 1;
  return {{"quadratic", std::make_shared<Quadratic>(), Vector::Zero(6)},
          {"rosenbrock", std::make_shared<Rosenbrock>(), valley}};
}

std::vector<Problem> composite_problems() {
  return {exponentials(), wide_network(), tall_network(), classifier()};
}

std::vector<Problem> problems_for(const MethodInfo& method) {
  std::vector<Problem> problems = composite_problems();
  if (method.needs_composite) return problems;
  for (Problem& problem : gradient_problems()) problems.push_back(std::move(problem));
  return problems;
}

Problem counted_problem(bool composite, Passes& passes) {
  if (!composite)
    return {"rosenbrock", std::make_shared<CountedRosenbrock>(passes),
            gradient_problems()[1].start};
  const Problem wide = wide_network();
  const auto& objective = dynamic_cast<const CompositeObjective&>(*wide.objective);
  // The parts are kept alive by the copy that the deleter holds.
  const std::shared_ptr<const OutputModel> model(&objective.model(),
                                                 [keep = wide.objective](const OutputModel*) {});
  return {"wide_network",
          squared(std::make_shared<Counted>(model, passes), *objective.loss().minimizer()),
          wide.start};
}

Problem bounded_problem(bool composite) {
  const Vector start = Vector::Constant(3, 0.5);
  if (composite)
    return {"bounded", squared(std::make_shared<BoundedModel>(), Matrix::Constant(3, 1, 3)), start};
  return {"bounded", std::make_shared<BoundedObjective>(), start};
}

Problem solved_problem(bool composite) {
  if (!composite) return {"quadratic", std::make_shared<Quadratic>(), Vector::Ones(6)};
  const auto model = std::make_shared<Exponentials>();
  Vector start(4), targets(12);
  start << 1, 0.2, -0.5, 2;
  model->outputs(start, targets);
  return {"exponentials", squared(model, targets), start};
}

}  // namespace thalweg::contract
