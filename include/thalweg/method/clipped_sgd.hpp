// Clipped SGD: with thresholds as given, or with the published table of parameters.
//
//   threshold: R. Pascanu, T. Mikolov, Y. Bengio, ICML 2013; in the form that Y. Yang et al.
//   (arXiv:2410.14054) compare with. Table: O. Gaash, K. Y. Levy, Y. Carmon: Convergence of clipped
//   SGD on convex (L0, L1)-smooth functions (the row "conservative", whose layout is not certain in
//   the text that could be read, is left out).
//
// Minimises f = (1/N) sum_i f_i by
//
//     threshold   x+ = x - gamma c_t g / h,   h = max(|g| + delta, C)^beta
//     standard    x+ = x - eta a g,           eta = (1/16) min(1 / (11 L0), 1 / (L0 + n)),
//                                             a = min(1, c / |g'|),  c = max(10 L0, n) / L1
//     implicit    x+ = x - eta g,             eta = 1 / (8 (L0 + L1 |g'| + n))
//     adaptive    x+ = x - eta a g,           eta = R (sum a_i^2 |g_i|^2)^(-1/2), a, c as standard
//
// with n = s sqrt(T) / R. g is the gradient of a batch B and g' that of a second, independent batch
// (of B itself where independent-batch is 0, which the table's proof does not cover).
//
//   symbol   here                    shape   unit
//   x        state.x                 (n)     parameters
//   g, g'    state.batch_gradient, state.norm_gradient   (n)   objective / parameter
//   L0, L1   options.L0, options.L1          objective / parameter^2, 1 / parameter
//   R        options.radius                  parameters: |x0 - x*|
//   s        options.noise                   objective / parameter: sigma of bounded noise, or
//                                            3 sigma sqrt(ln(T / failure)) of sub-Gaussian noise
//   T        options.steps                   steps
//
// Convex (L0, L1)-smooth f, T >= (64 L1 R)^2 ln(T / failure): with the table's rows the average of
// the iterates that were not clipped is within O(L0 R^2 / T + s R / sqrt(T)) of the minimum. Here
// the average is that of --option output=tail-average, over all iterates.
#pragma once

#include "thalweg/method/normalization.hpp"
#include "thalweg/method/sampled.hpp"
#include "thalweg/method/schedule.hpp"

namespace thalweg {

struct ClippedSgdState final : SampledState {
  std::int64_t norm_position = 0;  ///< of the stream "independent batch"
  double sum_of_squares = 0;       ///< adaptive: sum of a_i^2 |g_i|^2

  // Overwritten by every update.
  Vector norm_gradient;

  void visit(StateVisitor& visitor) override {
    SampledState::visit(visitor);
    visitor.field("norm_position", norm_position);
    visitor.field("sum_of_squares", sum_of_squares);
  }
};

class ClippedSgd final : public SampledMethod<ClippedSgdState> {
 public:
  enum class Rule { threshold, standard, implicit, adaptive };

  struct Options {
    Rule rule = Rule::threshold;
    double stepsize = 0.1;               ///< gamma > 0
    double exponent = 1;                 ///< beta in [0, 1]
    double threshold = 1;                ///< C >= 0
    double offset = 0;                   ///< delta >= 0
    double L0 = 1, L1 = 1;               ///< > 0, of the table
    double radius = 1;                   ///< R > 0
    double noise = 0;                    ///< s >= 0
    std::int64_t steps = 0;              ///< T >= 0; 0: the plan fills in the steps of the run
    std::int64_t independent_batch = 0;  ///< of g'; 0: g' is g
    SamplingOptions sampling{.batch = 64};
    Schedule schedule{};
    bool per_group = false;  ///< norms of each group of parameters apart

    Normalization normalization() const { return {1, offset, threshold, exponent}; }
    void visit(OptionVisitor& visitor);
    void validate() const;  ///< throws UsageError naming every violated range at once
  };

  ClippedSgd() : ClippedSgd(Options{}) {}
  explicit ClippedSgd(Options options);

  std::string_view name() const override { return "clipped-sgd"; }
  const Options& options() const { return options_; }

 protected:
  Update update(const Objective& problem, ClippedSgdState& state,
                const Context& context) const override;
  bool is_whole(const ClippedSgdState& state) const override {
    return state.norm_position >= 0 && state.sum_of_squares >= 0;
  }

 private:
  /// eta a of the table's rows for gradient norms |g| and |g'|.
  double table_stepsize(double norm, double other_norm, ClippedSgdState& state) const;

  Options options_;
};

}  // namespace thalweg
