#include "thalweg/method/saddle_target.hpp"

#include <cmath>

namespace thalweg {

void SaddleTarget::visit(OptionVisitor& visitor, std::string_view probability,
                         const std::string& where) {
  visitor.option("eps", eps, "> 0: of the gradient norm and, by sqrt(rho eps), of the curvature");
  visitor.option("failure-probability", failure_probability, probability);
  visitor.option("smoothness", smoothness,
                 "l, of the Hessian norm; 0: from the curvature bound at " + where);
  visitor.option("hessian-lipschitz", hessian_lipschitz,
                 "rho, of the third derivative; 0: from the curvature bound at " + where);
}

void SaddleTarget::check(OptionChecker& checker) const {
  checker.require(eps > 0 && std::isfinite(eps), "eps", "be above 0 and finite", eps);
  checker.require(failure_probability > 0 && failure_probability < 1, "failure-probability",
                  "lie in (0, 1)", failure_probability);
  require_not_negative(checker, "smoothness", smoothness);
  require_not_negative(checker, "hessian-lipschitz", hessian_lipschitz);
}

void require_not_negative(OptionChecker& checker, std::string_view key, double value) {
  checker.require(value >= 0 && std::isfinite(value), key, "be at least 0 and finite", value);
}

}  // namespace thalweg
