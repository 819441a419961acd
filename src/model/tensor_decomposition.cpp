#include "thalweg/model/tensor_decomposition.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "random_orthonormal.hpp"
#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

Eigen::Map<const Matrix> columns(const ConstVectorRef& x, const Matrix& like) {
  return {x.data(), like.rows(), like.cols()};
}

Eigen::Map<Matrix> columns(VectorRef x, const Matrix& like) {
  return {x.data(), like.rows(), like.cols()};
}

class TensorHessian final : public Hessian {
 public:
  TensorHessian(const ConstVectorRef& x, const Matrix& a)
      : a_(a), u_(columns(x, a)), gram_(u_.transpose() * u_), overlap_(u_.transpose() * a) {}
  void apply(const ConstVectorRef& v, VectorRef hv) const override {
    const auto direction = columns(v, a_);
    const Matrix half = direction.transpose() * u_;
    const Matrix bent = 3 * gram_.cwiseAbs2().cwiseProduct(half + half.transpose());
    const Matrix pulled = 3 * overlap_.cwiseAbs2().cwiseProduct(direction.transpose() * a_);
    auto product = columns(hv, a_);
    product.noalias() = direction * gram_.array().cube().matrix() + u_ * bent;
    product.noalias() -= a_ * pulled.transpose();
    product *= 4;
  }

 private:
  const Matrix& a_;
  Matrix u_, gram_, overlap_;  // U, U'U, U'A
};

// From G and C; below 0 there is only rounding.
double misfit(const Matrix& gram, const Matrix& overlap) {
  const double sum = gram.array().square().square().sum() -
                     2 * overlap.array().square().square().sum() + static_cast<double>(gram.cols());
  return sum < 0 ? 0 : sum / 2;
}

}  // namespace

void TensorDecompositionObjective::Options::validate() const {
  OptionChecker check("tensor decomposition");
  check.require(size >= 1, "size", "be at least 1", static_cast<double>(size));
  check.require(rank >= 1 && rank <= size, "rank", "lie between 1 and size",
                static_cast<double>(rank));
  check.throw_if_any();
}

TensorDecompositionObjective::TensorDecompositionObjective(const Options& options) {
  options.validate();
  RandomStream random(options.seed, "tensor-decomposition");
  components_ = random_orthonormal(random, options.size, options.rank);
}

double TensorDecompositionObjective::value(const ConstVectorRef& x) const {
  const auto u = columns(x, components_);
  return misfit(u.transpose() * u, u.transpose() * components_);
}

double TensorDecompositionObjective::value_and_gradient(const ConstVectorRef& x,
                                                        VectorRef g) const {
  const auto u = columns(x, components_);
  const Matrix gram = u.transpose() * u, overlap = u.transpose() * components_;
  auto gradient = columns(g, components_);
  gradient.noalias() = u * gram.array().cube().matrix();
  gradient.noalias() -= components_ * overlap.array().cube().matrix().transpose();
  gradient *= 4;
  return misfit(gram, overlap);
}

std::unique_ptr<Hessian> TensorDecompositionObjective::hessian(const ConstVectorRef& x) const {
  return std::make_unique<TensorHessian>(x, components_);
}

CurvatureBound TensorDecompositionObjective::curvature_bound() const {
  const auto r = static_cast<double>(components_.cols());
  const auto residual = [](double gap) { return std::sqrt(2 * gap); };
  const auto size = [=](double gap) { return std::sqrt(r) + residual(gap); };  // P
  return CurvatureBound::self_bounding(
      [=](double gap) {
        const double p = size(gap);
        return 16 * std::pow(r, 0.25) * std::pow(p, 1.5) + 12 * residual(gap) * std::sqrt(p);
      },
      [=](double gap) {
        const double p = size(gap);
        return 144 * std::pow(r, 0.125) * std::pow(p, 1.25) +
               24 * residual(gap) * std::pow(p, 0.25);
      });
}

std::string TensorDecompositionObjective::description() const {
  return fmt::format("decomposition of a tensor of size {} with {} components", components_.rows(),
                     components_.cols());
}

Vector TensorDecompositionObjective::start() const {
  const Vector mean = components_.rowwise().mean();
  return mean.replicate(components_.cols(), 1);
}

}  // namespace thalweg
