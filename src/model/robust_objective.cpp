#include "thalweg/model/robust_objective.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/problem/margin_loss.hpp"

namespace thalweg {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// Everything that can be wrong is found before any of it is used. Returns the options.
RobustObjective::Options checked(const OutputModel* model, const OutputLoss* loss,
                                 const RobustObjective::Options& options,
                                 const std::vector<int>& groups) {
  OptionChecker check("robust objective");
  WorstCaseMean::require_ranges(check, options.lambda, options.fraction);
  check.require(options.penalty >= 0 && std::isfinite(options.penalty), "penalty",
                "be finite and at least 0", options.penalty);
  check.require(options.over == RobustObjective::Over::samples || !groups.empty(),
                "over = groups needs the group of every sample");
  check.require(model != nullptr && loss != nullptr, "it needs a model and a loss");
  if (model != nullptr && loss != nullptr) {
    const bool fit = model->output_count() == loss->output_count() &&
                     model->outputs_per_sample() == loss->outputs_per_sample();
    check.require(fit, fmt::format("model and loss disagree: {} outputs ({} per sample) against {} "
                                   "({} per sample)",
                                   model->output_count(), model->outputs_per_sample(),
                                   loss->output_count(), loss->outputs_per_sample()));
    const auto samples = static_cast<std::size_t>(loss->sample_count());
    check.require(groups.empty() || groups.size() == samples,
                  fmt::format("groups must name the group of each of the {} samples, got {}",
                              samples, groups.size()));
  }
  std::vector<bool> occurs(groups.size());
  const auto known = [&](int group) {
    return group >= 0 && static_cast<std::size_t>(group) < groups.size();
  };
  for (const int group : groups)
    if (known(group)) occurs[static_cast<std::size_t>(group)] = true;
  const auto count = std::count(occurs.begin(), occurs.end(), true);
  const bool whole =
      std::all_of(groups.begin(), groups.end(), known) &&
      std::all_of(occurs.begin(), occurs.begin() + count, [](bool here) { return here; });
  check.require(whole, "groups must be numbered 0, 1, ... with every number occurring");
  check.throw_if_any();
  return options;
}

}  // namespace

// The terms of a batch: of positions in it, each a term whose samples follow those of the one
// before.
class RobustObjective::TermBatch final : public BatchLoss {
 public:
  TermBatch(const RobustObjective& objective, Batch positions, double eta, double penalty)
      : objective_(objective), positions_(positions), eta_(eta), penalty_(penalty) {}

  Index output_count() const override { return objective_.loss().output_count(); }
  Index outputs_per_sample() const override { return objective_.loss().outputs_per_sample(); }

  /// The samples of all positions, one after the other.
  std::vector<Index> samples() const {
    if (!objective_.over_groups()) return {positions_.begin(), positions_.end()};
    std::vector<Index> all;
    for (const Index term : positions_) {
      const auto& members = members_of(term);
      all.insert(all.end(), members.begin(), members.end());
    }
    return all;
  }

  double batch_sum(Batch batch, const ConstVectorRef& y, VectorRef gy) const override {
    const auto count = static_cast<Index>(batch.size());
    const Index outputs = outputs_per_sample();
    Vector losses(count);
    objective_.loss().batch_losses(batch, y, losses);
    objective_.loss().batch_sum(batch, y, gy);
    Eigen::Map<Matrix> gradients(gy.data(), count, outputs);
    const auto terms = static_cast<double>(objective_.sample_count());
    double sum = 0;
    slope_sum_ = 0;
    Index first = 0;
    for (const Index k : positions_) {
      const Index size = objective_.over_groups() ? static_cast<Index>(members_of(k).size()) : 1;
      const double loss = losses.segment(first, size).mean() + penalty_;
      const WorstCaseMean::Term term = objective_.mean().term(loss, eta_);
      const double share = terms * objective_.weights_[k];
      sum += share * term.value;
      slope_sum_ += share * term.slope;
      gradients.middleRows(first, size) *= share * term.slope / static_cast<double>(size);
      first += size;
    }
    return sum;
  }

  double slope_sum() const { return slope_sum_; }  ///< of the last batch_sum

 private:
  const std::vector<Index>& members_of(Index group) const {
    return objective_.members_[static_cast<std::size_t>(group)];
  }

  const RobustObjective& objective_;
  Batch positions_;
  double eta_, penalty_;
  mutable double slope_sum_ = 0;
};

RobustObjective::RobustObjective(std::shared_ptr<const OutputModel> model,
                                 std::shared_ptr<const OutputLoss> loss, Options options,
                                 std::vector<int> groups)
    : model_(std::move(model)),
      loss_(std::move(loss)),
      options_(checked(model_.get(), loss_.get(), options, groups)),
      mean_(options.divergence, options.lambda, options.fraction),
      groups_(std::move(groups)) {
  const Index samples = loss_->sample_count();
  if (groups_.empty()) groups_.assign(static_cast<std::size_t>(samples), 0);
  members_.resize(static_cast<std::size_t>(*std::max_element(groups_.begin(), groups_.end())) + 1);
  for (Index i = 0; i < samples; ++i)
    members_[static_cast<std::size_t>(groups_[static_cast<std::size_t>(i)])].push_back(i);
  const auto count = static_cast<double>(samples);
  weights_ = over_groups() ? Vector(group_sizes() / count) : Vector::Constant(samples, 1 / count);
}

Vector RobustObjective::outputs(const ConstVectorRef& x) const {
  Vector y(model_->output_count());
  model_->outputs(parameters(x), y);
  return y;
}

double RobustObjective::penalty_at(const ConstVectorRef& x) const {
  return options_.penalty == 0 ? 0 : options_.penalty * parameters(x).array().abs().log1p().sum();
}

Vector RobustObjective::group_means(const ConstVectorRef& of_samples) const {
  Vector means(group_count());
  for (std::size_t group = 0; group < members_.size(); ++group) {
    double sum = 0;
    for (const Index sample : members_[group]) sum += of_samples[sample];
    means[static_cast<Index>(group)] = sum / static_cast<double>(members_[group].size());
  }
  return means;
}

Vector RobustObjective::terms(const ConstVectorRef& x, const ConstVectorRef& y) const {
  Vector losses(loss_->sample_count());
  loss_->sample_losses(y, losses);
  if (over_groups()) losses = group_means(losses);
  return losses.array() + penalty_at(x);
}

double RobustObjective::value(const ConstVectorRef& x) const {
  return mean_.value(terms(x, outputs(x)), weights_, x[x.size() - 1]);
}

double RobustObjective::value_and_gradient(const ConstVectorRef& x, VectorRef g) const {
  const auto at_x = model_->linearize(parameters(x));
  const Vector losses = terms(x, at_x->outputs());
  const double eta = x[x.size() - 1];
  Vector slopes(losses.size());
  for (Index k = 0; k < losses.size(); ++k) slopes[k] = mean_.term(losses[k], eta).slope;

  // A sample of a term of n_k samples has the weight p_k psi*' / n_k = psi*' / N, and 1 / N is in
  // the gradient of the loss.
  Vector gy(model_->output_count());
  loss_->gradient(at_x->outputs(), gy);
  Eigen::Map<Matrix> gradients(gy.data(), loss_->sample_count(), loss_->outputs_per_sample());
  for (Index i = 0; i < gradients.rows(); ++i)
    gradients.row(i) *= slopes[over_groups() ? groups_[static_cast<std::size_t>(i)] : i];
  at_x->apply_adjoint(gy, g.head(g.size() - 1));

  const double value = mean_.value(losses, weights_, eta);
  finish(x, value, weights_.dot(slopes), g);
  return value;
}

double RobustObjective::value_and_gradient(const ConstVectorRef& x, Batch batch,
                                           VectorRef g) const {
  const double eta = x[x.size() - 1];
  const TermBatch terms(*this, batch, eta, penalty_at(x));
  const double sum = model_->batch_sum(parameters(x), terms.samples(), terms, g.head(g.size() - 1));
  const auto count = static_cast<double>(batch.size());
  g /= count;
  const double value = eta + sum / count;
  finish(x, value, terms.slope_sum() / count, g);
  return value;
}

// Adds to the gradient of the losses what the penalty and eta contribute; slope is the mean slope
// of the terms.
void RobustObjective::finish(const ConstVectorRef& x, double value, double slope,
                             VectorRef g) const {
  if (options_.penalty > 0) {
    const ConstVectorRef w = parameters(x);
    g.head(w.size()).array() += slope * options_.penalty * w.array().sign() / (1 + w.array().abs());
  }
  g[g.size() - 1] = 1 - slope;
  if (!std::isnan(value) && !g.allFinite()) g.setConstant(infinity);
}

bool RobustObjective::attains_infimum() const {
  return options_.penalty > 0 || loss_->attains_infimum();
}

std::string RobustObjective::description() const {
  return fmt::format("{} worst-case mean over {} {} of {} of {}", to_string(mean_.divergence()),
                     sample_count(), over_groups() ? "groups" : "samples", loss_->description(),
                     model_->description());
}

WorstCaseMean::Solution RobustObjective::best_eta(const ConstVectorRef& x) const {
  return mean_.best_eta(terms(x, outputs(x)), weights_);
}

Vector RobustObjective::with_best_eta(const ConstVectorRef& x) const {
  Vector point = x;
  point[point.size() - 1] = best_eta(x).eta;
  return point;
}

Vector RobustObjective::random_start(std::uint64_t seed) const {
  constexpr double published_eta = 0.1;
  Vector x(dimension());
  x.head(x.size() - 1) = RandomStream(seed, "dro").normal_vector(x.size() - 1);
  x[x.size() - 1] = published_eta;
  return x;
}

Vector RobustObjective::group_sizes() const {
  Vector sizes(group_count());
  for (std::size_t group = 0; group < members_.size(); ++group)
    sizes[static_cast<Index>(group)] = static_cast<double>(members_[group].size());
  return sizes;
}

Vector RobustObjective::group_losses(const ConstVectorRef& x) const {
  Vector losses(loss_->sample_count());
  loss_->sample_losses(outputs(x), losses);
  return group_means(losses);
}

Vector RobustObjective::group_errors(const ConstVectorRef& x) const {
  const Vector y = outputs(x);
  if (const auto* labelled = dynamic_cast<const MarginLoss*>(loss_.get())) {
    const Vector margins = labelled->smallest_margins(y);
    return group_means((!(margins.array() > 0)).cast<double>().matrix());
  }
  const auto targets = loss_->minimizer();
  if (!targets)
    throw UsageError(fmt::format("the {} has neither labels nor targets to measure errors by",
                                 loss_->description()));
  const Vector squares = (y - *targets).array().square();
  const Eigen::Map<const Matrix> by_output(squares.data(), loss_->sample_count(),
                                           loss_->outputs_per_sample());
  return group_means(by_output.rowwise().mean()).cwiseSqrt();
}

}  // namespace thalweg
