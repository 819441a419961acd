#include "thalweg/model/strict_saddle.hpp"

#include <fmt/core.h>

#include <cmath>

#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

class DiagonalHessian final : public Hessian {
 public:
  explicit DiagonalHessian(Vector diagonal) : diagonal_(std::move(diagonal)) {}
  void apply(const ConstVectorRef& v, VectorRef hv) const override {
    hv = diagonal_.cwiseProduct(v);
  }
  std::optional<Vector> diagonal() const override { return diagonal_.cwiseAbs(); }

 private:
  Vector diagonal_;
};

}  // namespace

void StrictSaddleObjective::Options::validate() const {
  OptionChecker check("strict saddle");
  check.require(dimension >= 2, "dimension", "be at least 2", static_cast<double>(dimension));
  check.require(least_curvature > 0 && least_curvature <= 1, "least_curvature", "lie in (0, 1]",
                least_curvature);
  check.throw_if_any();
}

StrictSaddleObjective::StrictSaddleObjective(Options options) {
  options.validate();
  const Index others = options.dimension - 1;
  curvatures_ =
      others == 1 ? Vector::Ones(1) : Vector(Vector::LinSpaced(others, 1, options.least_curvature));
}

double StrictSaddleObjective::value(const ConstVectorRef& x) const {
  const auto others = x.tail(x.size() - 1).array();
  const double off = (x[0] - 1) * (x[0] + 1);
  return off * off / 4 + (curvatures_.array() * others.square()).sum() / 2;
}

double StrictSaddleObjective::value_and_gradient(const ConstVectorRef& x, VectorRef g) const {
  g[0] = (x[0] - 1) * (x[0] + 1) * x[0];
  g.tail(x.size() - 1) = curvatures_.cwiseProduct(x.tail(x.size() - 1));
  return value(x);
}

std::unique_ptr<Hessian> StrictSaddleObjective::hessian(const ConstVectorRef& x) const {
  Vector diagonal(x.size());
  diagonal << 3 * x[0] * x[0] - 1, curvatures_;
  return std::make_unique<DiagonalHessian>(std::move(diagonal));
}

CurvatureBound StrictSaddleObjective::curvature_bound() const {
  return CurvatureBound::self_bounding(
      [](double gap) { return 2 + 6 * std::sqrt(gap); },
      [](double gap) { return 6 * std::sqrt(1 + 2 * std::sqrt(gap)); });
}

std::string StrictSaddleObjective::description() const {
  return dimension() == 2 ? "(x^2 - 1)^2/4 + y^2/2"
                          : fmt::format("strict saddle in {} dimensions", dimension());
}

Vector StrictSaddleObjective::start() const {
  Vector start = Vector::Constant(dimension(), 2 / std::sqrt(static_cast<double>(dimension() - 1)));
  start[0] = 0;
  return start;
}

}  // namespace thalweg
