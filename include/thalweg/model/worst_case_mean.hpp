// The mean of losses under the worst distribution near the data's: what distributionally robust
// objectives minimise instead of the mean.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "thalweg/core/error.hpp"
#include "thalweg/core/types.hpp"

namespace thalweg {

/// How the distance of a distribution q from the reference p is measured, D(q | p) = sum_k p_k
/// psi(q_k / p_k), with the convex conjugate psi* of psi on [0, infinity):
///
///   chi_square  psi(u) = (u - 1)^2          psi*(t) = max(t/2 + 1, 0)^2 - 1
///   kl          psi(u) = u ln u - u + 1     psi*(t) = e^t - 1
///   cvar        psi(u) = 0 for u <= 1/a,    psi*(t) = max(t, 0) / a
///               infinity beyond
///
/// cvar is the conditional value at risk of the worst fraction a: the mean of the a N largest
/// losses.
enum class Divergence { chi_square, kl, cvar };

const char* to_string(Divergence divergence);  ///< "chi-square", "kl", "cvar"
/// Throws UsageError that lists the names.
Divergence divergence_from_name(std::string_view name);
std::vector<std::string> divergence_names();

/// The worst-case mean of K losses l with reference weights p (positive, sum 1), and its dual form
/// (Ben-Tal, Den Hertog, De Waegenaere, Melenberg, Rennen: Robust solutions of optimization
/// problems affected by uncertain probabilities, Management Science 2013; cvar: Rockafellar and
/// Uryasev, Journal of Risk 2000):
///
///     Psi = max over distributions q of  sum_k q_k l_k - lambda D(q | p)
///         = min over eta of  L(eta) = eta + lambda sum_k p_k psi*((l_k - eta) / lambda)
///
/// Psi is at least the mean of the losses, and tends to it for large lambda; for small lambda it
/// tends to the largest loss. For cvar lambda cancels, and a = 1 gives the mean. A constant added
/// to all losses is added to Psi and to the best eta. eta, lambda and Psi have the unit of the
/// losses.
///
/// kl: e^t overflows beyond t = 709. L is then infinite; Psi never overflows.
class WorstCaseMean {
 public:
  /// lambda: positive and finite; fraction: a in (0, 1]. Throws UsageError naming every violated
  /// range at once.
  WorstCaseMean(Divergence divergence, double lambda, double fraction);
  /// Notes the violated ranges of the constructor's arguments.
  static void require_ranges(OptionChecker& check, double lambda, double fraction);

  struct Term {
    double value;  ///< lambda psi*((loss - eta) / lambda)
    double slope;  ///< its derivative in the loss, psi*'((loss - eta) / lambda) >= 0
  };
  /// cvar has a kink at loss = eta: the slope there is 0.
  Term term(double loss, double eta) const;
  /// L(eta); losses and weights (K).
  double value(const ConstVectorRef& losses, const ConstVectorRef& weights, double eta) const;

  struct Solution {
    double eta;  ///< a minimiser of L, the only one but for cvar
    double psi;  ///< Psi = L(eta)
  };
  /// The exact minimum of L, by sorting (chi_square, cvar: O(K ln K)) or in closed form (kl). With
  /// a loss that is not finite both numbers are the sum of the losses. Throws UsageError for no
  /// losses and for weights that are not positive with sum 1.
  Solution best_eta(const ConstVectorRef& losses, const ConstVectorRef& weights) const;
  Solution best_eta(const ConstVectorRef& losses) const;  ///< all weights 1/K

  Divergence divergence() const { return divergence_; }
  double lambda() const { return lambda_; }
  double fraction() const { return fraction_; }

 private:
  Solution best_chi_square(const ConstVectorRef& losses, const ConstVectorRef& weights) const;
  Solution best_kl(const ConstVectorRef& losses, const ConstVectorRef& weights) const;
  Solution best_cvar(const ConstVectorRef& losses, const ConstVectorRef& weights) const;

  Divergence divergence_;
  double lambda_, fraction_;
};

}  // namespace thalweg
