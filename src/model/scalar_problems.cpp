#include "thalweg/model/scalar_problems.hpp"

#include <fmt/core.h>

#include <cmath>

#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

class SecondDerivative final : public Hessian {
 public:
  explicit SecondDerivative(double h) : h_(h) {}
  void apply(const ConstVectorRef& v, VectorRef hv) const override { hv = h_ * v; }
  std::optional<Vector> diagonal() const override { return Vector::Constant(1, h_); }

 private:
  double h_;
};

}  // namespace

PowerObjective::PowerObjective(double exponent) : exponent_(exponent) {
  OptionChecker check("power");
  check.require(exponent >= 2 && std::isfinite(exponent), "exponent", "be finite and at least 2",
                exponent);
  check.throw_if_any();
}

double PowerObjective::value(const ConstVectorRef& x) const {
  return std::pow(std::abs(x[0]), exponent_);
}

double PowerObjective::value_and_gradient(const ConstVectorRef& x, VectorRef g) const {
  g[0] = exponent_ * std::copysign(std::pow(std::abs(x[0]), exponent_ - 1), x[0]);
  return value(x);
}

double PowerObjective::log_value(const ConstVectorRef& x) const {
  return exponent_ * std::log(std::abs(x[0]));
}

std::unique_ptr<Hessian> PowerObjective::hessian(const ConstVectorRef& x) const {
  return std::make_unique<SecondDerivative>(exponent_ * (exponent_ - 1) *
                                            std::pow(std::abs(x[0]), exponent_ - 2));
}

CurvatureBound PowerObjective::curvature_bound() const {
  const double p = exponent_;
  if (p == 2) return CurvatureBound::constant(2, 0);
  if (p < 3) return {};
  const auto power = [p](double factor, double order) {
    return [=](double gap) { return factor * std::pow(gap, (p - order) / p); };
  };
  return CurvatureBound::self_bounding(power(p * (p - 1), 2), power(p * (p - 1) * (p - 2), 3), 0,
                                       power(p, 1));
}

std::string PowerObjective::description() const { return fmt::format("|x|^{:g}", exponent_); }

double CoshObjective::value(const ConstVectorRef& x) const {
  const double root = 2 * std::sinh(x[0] / 2);
  return root * root;
}

double CoshObjective::value_and_gradient(const ConstVectorRef& x, VectorRef g) const {
  g[0] = 2 * std::sinh(x[0]);
  return value(x);
}

// f = e^|x| (1 - e^-|x|)^2.
double CoshObjective::log_value(const ConstVectorRef& x) const {
  const double size = std::abs(x[0]);
  return size + 2 * std::log(-std::expm1(-size));
}

std::unique_ptr<Hessian> CoshObjective::hessian(const ConstVectorRef& x) const {
  return std::make_unique<SecondDerivative>(2 * std::cosh(x[0]));
}

// 4 sinh^2 x = (F + 2)^2 - 4.
CurvatureBound CoshObjective::curvature_bound() const {
  const auto slope = [](double gap) { return std::sqrt(gap) * std::sqrt(gap + 4); };
  return CurvatureBound::self_bounding([](double gap) { return gap + 2; }, slope, 0, slope);
}

std::string CoshObjective::description() const { return "2 cosh x - 2"; }

}  // namespace thalweg
