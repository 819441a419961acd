#include <cmath>
#include <numbers>

#include <fmt/core.h>

#include "thalweg/core/error.hpp"
#include "thalweg/model/linear_model.hpp"
#include "thalweg/problem/margin_loss.hpp"

namespace thalweg {
namespace {

// ln(e^a + e^b).
double log_add(double a, double b) {
  const double larger = a < b ? b : a;
  return std::isfinite(larger) ? larger + std::log1p(std::exp(-std::abs(a - b))) : larger;
}

// J' H_L J + ridge I, H_L the Hessian of the loss at the outputs y.
class LinearHessian final : public Hessian {
 public:
  LinearHessian(std::shared_ptr<const LinearModel> model, const OutputLoss& loss, double ridge,
                const ConstVectorRef& x)
      : model_(std::move(model)), loss_(loss), ridge_(ridge), y_(model_->output_count()) {
    model_->outputs(x, y_);
    of_loss_ = loss_.hessian(y_);
    if (model_->outputs_per_sample() > 1) {
      at_zero_ = model_->linearize(Vector::Zero(model_->parameter_count()));
      return;
    }
    diagonal_of_loss_.resize(y_.size());
    of_loss_->apply(Vector::Ones(y_.size()), diagonal_of_loss_);
  }

  void apply(const ConstVectorRef& v, VectorRef hv) const override {
    if (at_zero_ == nullptr) {
      model_->weighted_normal_product(diagonal_of_loss_, v, hv);
    } else {
      Vector jv(y_.size()), weighted(y_.size());
      at_zero_->apply(v, jv);
      of_loss_->apply(jv, weighted);
      at_zero_->apply_adjoint(weighted, hv);
    }
    if (ridge_ > 0) hv += ridge_ * v;
  }

  std::optional<Vector> diagonal() const override {
    const Index outputs = model_->outputs_per_sample(), samples = y_.size() / outputs;
    Matrix h(samples, outputs);
    if (const auto offered = of_loss_->diagonal()) {
      h = Eigen::Map<const Matrix>(offered->data(), samples, outputs);
    } else if (at_zero_ == nullptr) {
      h.col(0) = diagonal_of_loss_;
    } else {  // of S_i' S_i for every sample
      const Matrix root = loss_.hessian_root(y_);
      for (Index q = 0; q < outputs; ++q)
        h.col(q) =
            Eigen::Map<const Matrix>(root.col(q).data(), samples, outputs).rowwise().squaredNorm();
    }
    return model_->weighted_squares(h).array() + ridge_;
  }

 private:
  std::shared_ptr<const LinearModel> model_;
  const OutputLoss& loss_;
  double ridge_;
  Vector y_;
  Vector diagonal_of_loss_;                 // (N), one output per sample
  std::unique_ptr<Linearization> at_zero_;  // several outputs
  std::unique_ptr<Hessian> of_loss_;
};

}  // namespace

LinearObjective::LinearObjective(std::shared_ptr<const LinearModel> model,
                                 std::shared_ptr<const OutputLoss> loss, double ridge)
    : CompositeObjective(model, std::move(loss)), linear_(std::move(model)), ridge_(ridge) {
  OptionChecker check("linear objective");
  check.require(ridge >= 0 && std::isfinite(ridge), "ridge", "be finite and at least 0", ridge);
  check.throw_if_any();
}

double LinearObjective::value(const ConstVectorRef& x) const {
  const double mean = linear_->sum(x, loss()) / static_cast<double>(sample_count());
  return mean + penalty(x);
}

double LinearObjective::value_and_gradient(const ConstVectorRef& x, VectorRef g) const {
  const double sum = linear_->sum_and_gradient(x, loss(), g);
  return mean_with_penalty(x, sum, static_cast<double>(sample_count()), g);
}

double LinearObjective::value_and_gradient(const ConstVectorRef& x, Batch batch,
                                           VectorRef g) const {
  const double sum = linear_->batch_sum(x, batch, loss(), g);
  return mean_with_penalty(x, sum, static_cast<double>(batch.size()), g);
}

double LinearObjective::log_value(const ConstVectorRef& x) const {
  const double log_loss = CompositeObjective::log_value(x);
  if (ridge_ == 0) return log_loss;
  return log_add(log_loss, std::log(ridge_) - std::numbers::ln2 + 2 * std::log(x.stableNorm()));
}

std::unique_ptr<Hessian> LinearObjective::hessian(const ConstVectorRef& x) const {
  return std::make_unique<LinearHessian>(linear_, loss(), ridge_, x);
}

CurvatureBound LinearObjective::curvature_bound() const {
  const auto* margins = dynamic_cast<const MarginLoss*>(&loss());
  const auto growth = margins ? margins->growth() : std::nullopt;
  if (!growth) return {};
  const double r = linear_->largest_row_norm(), ridge = ridge_;
  CurvatureBound::Growth rho_0;
  if (ridge == 0) rho_0 = [=, first = growth->first](double gap) { return r * first(gap); };
  return CurvatureBound::self_bounding(
      [=, second = growth->second](double gap) { return r * r * second(gap) + ridge; },
      [=, third = growth->third](double gap) { return r * r * r * third(gap); }, 0,
      std::move(rho_0));
}

std::string LinearObjective::description() const {
  const std::string text = CompositeObjective::description();
  return ridge_ > 0 ? fmt::format("{} with ridge {}", text, ridge_) : text;
}

double LinearObjective::penalty(const ConstVectorRef& x) const {
  return ridge_ == 0 ? 0 : ridge_ / 2 * x.squaredNorm();
}

double LinearObjective::mean_with_penalty(const ConstVectorRef& x, double sum, double count,
                                          VectorRef g) const {
  g /= count;
  if (ridge_ > 0) g += ridge_ * x;
  return sum / count + penalty(x);
}

}  // namespace thalweg
