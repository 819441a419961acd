// Distributionally robust training: the worst-case mean of the losses of samples or of groups.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "thalweg/model/worst_case_mean.hpp"
#include "thalweg/problem/objective.hpp"
#include "thalweg/problem/output_loss.hpp"
#include "thalweg/problem/output_model.hpp"

namespace thalweg {

/// The dual form of distributionally robust optimization, minimised over parameters and eta
/// together, as in the experiments of
///
///   Y. Yang, E. Tripp, Y. Sun, S. Zou, Y. Zhou: Adaptive gradient normalization and independent
///   sampling for (stochastic) generalized-smooth optimization, TMLR 2025, arXiv:2410.14054
///   (chi-square, linear model, squared loss).
///
///     L(w, eta) = eta + lambda sum_k p_k psi*((l_k(w) - eta) / lambda)
///     Psi(w)    = min over eta of L(w, eta), the worst-case mean of the terms l_k
///
/// over samples: l_k is the loss of sample k, p_k = 1/N. Over groups: l_k is the mean loss of group
/// k, p_k its share of the samples. A penalty kappa sum_j ln(1 + |w_j|) over all parameters, the
/// intercept too, is part of every l_k: it adds itself to Psi. Its derivative at w_j = 0 is taken
/// as 0.
///
/// | symbol | identifier | shape | unit |
/// |---|---|---|---|
/// | w | the model's parameters, first in a point | (n - 1) | |
/// | eta | last in a point | | loss |
/// | K | sample_count() | | |
/// | p | weights_ | (K) | |
/// | lambda, a | lambda, fraction | | loss, 1 |
/// | kappa | penalty | | loss |
///
/// A point is x = (w, eta), (n), in every call; Psi and what is measured of groups ignore its eta.
/// The gradient takes one pass forward and one backward, not one per sample: the gradient of term k
/// has the weight p_k psi*'. As a FiniteSum its samples are the K terms, drawn uniformly: term k
/// counts K p_k, so that the mean over batches is L.
///
/// Overflow: kl is infinite from (l_k - eta) / lambda = 709 on, which is near for small lambda and
/// an eta that is not fitted to the losses; start from with_best_eta, where it never happens.
/// Whenever the gradient overflows and the value is not NaN, every entry of the gradient is
/// +infinity: a point to be rejected, never a NaN out of finite data.
class RobustObjective final : public Objective, public FiniteSum {
 public:
  enum class Over { samples, groups };
  struct Options {
    Divergence divergence = Divergence::chi_square;
    double lambda = 0.01;       ///< > 0, published 0.01; see WorstCaseMean
    double fraction = 0.1;      ///< a in (0, 1], of cvar alone
    double penalty = 0.1;       ///< kappa >= 0, published 0.1
    Over over = Over::samples;  ///< groups: the distribution over the groups is uncertain
  };

  /// groups: (N) group of each sample, 0 .. G-1 with every group occurring; empty: one group of
  /// all. Throws UsageError naming every violated range at once: options, a model and a loss that
  /// disagree, groups of another length or with gaps, Over::groups without groups.
  RobustObjective(std::shared_ptr<const OutputModel> model, std::shared_ptr<const OutputLoss> loss,
                  Options options, std::vector<int> groups = {});

  Index dimension() const override { return model_->parameter_count() + 1; }
  double value(const ConstVectorRef& x) const override;
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override;
  double value_and_gradient(const ConstVectorRef& x, Batch batch, VectorRef g) const override;
  double batch_rounding() const override { return model_->batch_rounding(); }
  Index sample_count() const override { return weights_.size(); }
  /// Those of the model, and eta.
  std::vector<Index> parameter_groups() const override {
    std::vector<Index> groups = model_->parameter_groups();
    groups.push_back(model_->parameter_count());
    return groups;
  }
  double lower_bound() const override { return loss_->lower_bound(); }  ///< Psi >= mean loss
  bool attains_infimum() const override;
  std::string description() const override;

  /// Psi at the model parameters of x, and the eta that belongs to it: a pass over all samples.
  WorstCaseMean::Solution best_eta(const ConstVectorRef& x) const;
  double psi(const ConstVectorRef& x) const { return best_eta(x).psi; }
  /// x with its eta replaced by the best one, (n).
  Vector with_best_eta(const ConstVectorRef& x) const;
  /// Start of the published experiment, (n): parameters from N(0, I) of the stream "dro" of the
  /// seed, eta 0.1.
  Vector random_start(std::uint64_t seed) const;

  Index group_count() const { return static_cast<Index>(members_.size()); }  ///< G
  Vector group_sizes() const;                                                ///< (G) samples
  /// Mean loss of each group without the penalty, (G).
  Vector group_losses(const ConstVectorRef& x) const;
  /// (G), of each group: with labels the share of samples that are not classified rightly, else the
  /// root mean squared error over its samples and outputs, in the unit of the outputs. Throws
  /// UsageError for a loss that has neither labels nor targets.
  Vector group_errors(const ConstVectorRef& x) const;

  const OutputModel& model() const { return *model_; }
  const OutputLoss& loss() const { return *loss_; }
  const WorstCaseMean& mean() const { return mean_; }
  const Options& options() const { return options_; }
  const std::vector<int>& groups() const { return groups_; }  ///< (N); all 0 where none were given

 private:
  class TermBatch;  // the terms of a batch as a function of its outputs

  ConstVectorRef parameters(const ConstVectorRef& x) const { return x.head(x.size() - 1); }
  Vector outputs(const ConstVectorRef& x) const;
  double penalty_at(const ConstVectorRef& x) const;
  bool over_groups() const { return options_.over == Over::groups; }
  Vector group_means(const ConstVectorRef& of_samples) const;
  Vector terms(const ConstVectorRef& x, const ConstVectorRef& y) const;
  void finish(const ConstVectorRef& x, double value, double slope, VectorRef g) const;

  std::shared_ptr<const OutputModel> model_;
  std::shared_ptr<const OutputLoss> loss_;
  Options options_;
  WorstCaseMean mean_;
  std::vector<int> groups_;                  // (N)
  std::vector<std::vector<Index>> members_;  // (G) samples of each group
  Vector weights_;                           // (K) reference weights p
};

}  // namespace thalweg
