#include "thalweg/model/phase_retrieval.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "spectral_norm_bound.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/model/output_losses.hpp"

namespace thalweg {

// The real forms r of every row: parts[k].col(i) is the k-th of row i.
struct IntensityModel::Forms {
  std::vector<Matrix> parts;                   // one or two, (n, m)
  mutable std::optional<double> squared_norm;  // bound of |A|^2, once asked for

  Index parameters() const { return parts.front().rows(); }
  Index samples() const { return parts.front().cols(); }

  // r'v of all rows, (m, parts).
  Matrix along(const ConstVectorRef& v) const {
    Matrix values(samples(), static_cast<Index>(parts.size()));
    for (std::size_t k = 0; k < parts.size(); ++k)
      values.col(static_cast<Index>(k)).noalias() = parts[k].transpose() * v;
    return values;
  }
  // sum over rows and parts of weights(i, k) r.
  void combine(const Matrix& weights, VectorRef sum) const {
    sum.noalias() = parts.front() * weights.col(0);
    for (std::size_t k = 1; k < parts.size(); ++k)
      sum.noalias() += parts[k] * weights.col(static_cast<Index>(k));
  }
};

namespace {

constexpr const char* stream_name = "phase-retrieval";
constexpr double vector_variance = 0.5, row_variance = 0.5, start_variance = 6, start_mean = 1;

void require_amplitudes(const ConstMatrixRef& amplitudes, bool complex) {
  OptionChecker check("phase retrieval");
  check.require(amplitudes.rows() > 0, "the amplitudes need at least one row");
  check.require(amplitudes.cols() > 0, "the amplitudes need at least one column");
  if (complex)
    check.require(amplitudes.cols() % 2 == 0,
                  "complex amplitudes need as many columns of imaginary parts as of real ones");
  check.require(amplitudes.allFinite(), "amplitudes must be finite");
  check.throw_if_any();
}

// The stacked parts of d numbers with E|.|^2 = variance: (d), or real and imaginary parts, (2d).
Vector draw(RandomStream& random, Index d, double variance, bool complex) {
  if (!complex) return std::sqrt(variance) * random.normal_vector(d);
  return std::sqrt(variance / 2) * random.normal_vector(2 * d);
}

Vector draw_start(RandomStream& random, Index d, const PhaseRetrievalOptions& options) {
  Vector start = draw(random, d, start_variance, options.complex);
  start.head(d).array() += start_mean;
  if (options.start_scale == 0) start.setZero();  // without negative zeros
  return options.start_scale * start;
}

// H = 1/m (J'J + sum_i e_i d2y_i) at one z.
class IntensityHessian final : public Hessian {
 public:
  IntensityHessian(std::shared_ptr<const IntensityModel> model, const OutputLoss& loss,
                   const ConstVectorRef& z)
      : model_(std::move(model)), at_z_(model_->linearize(z)), mean_residual_(loss.output_count()) {
    loss.gradient(at_z_->outputs(), mean_residual_);
  }
  void apply(const ConstVectorRef& v, VectorRef hv) const override {
    Vector jv(mean_residual_.size()), bent(v.size());
    at_z_->apply(v, jv);
    at_z_->apply_adjoint(jv / static_cast<double>(jv.size()), hv);
    model_->weighted_second_derivative(mean_residual_, v, bent);
    hv += bent;
  }

 private:
  std::shared_ptr<const IntensityModel> model_;
  std::unique_ptr<Linearization> at_z_;
  Vector mean_residual_;  // e / m, (m)
};

}  // namespace

// ---------------------------------------------------------------------------------------------

class IntensityModel::Tangent final : public Linearization {
 public:
  Tangent(std::shared_ptr<const Forms> forms, const ConstVectorRef& z)
      : forms_(std::move(forms)),
        values_(forms_->along(z)),
        outputs_(values_.rowwise().squaredNorm()) {}

  Index parameter_count() const override { return forms_->parameters(); }
  Index output_count() const override { return forms_->samples(); }
  const Vector& outputs() const override { return outputs_; }
  void apply(const ConstVectorRef& v, VectorRef jv) const override {
    jv = 2 * values_.cwiseProduct(forms_->along(v)).rowwise().sum();
  }
  void apply_adjoint(const ConstVectorRef& u, VectorRef jtu) const override {
    forms_->combine(2 * (u.asDiagonal() * values_), jtu);
  }
  void rows(Index first, Index count, MatrixRef rows) const override {
    rows.setZero();
    for (std::size_t k = 0; k < forms_->parts.size(); ++k)
      rows += 2 * forms_->parts[k].middleCols(first, count) *
              values_.col(static_cast<Index>(k)).segment(first, count).asDiagonal();
  }

 private:
  std::shared_ptr<const Forms> forms_;
  Matrix values_;   // r'z, (m, parts)
  Vector outputs_;  // (m)
};

IntensityModel::IntensityModel(const ConstMatrixRef& amplitudes, bool complex) {
  require_amplitudes(amplitudes, complex);
  auto forms = std::make_shared<Forms>();
  if (!complex) {
    forms->parts = {amplitudes.transpose()};
  } else {
    const Index d = amplitudes.cols() / 2;
    Matrix real(2 * d, amplitudes.rows()), imaginary(2 * d, amplitudes.rows());
    real << amplitudes.leftCols(d).transpose(), -amplitudes.rightCols(d).transpose();
    imaginary << amplitudes.rightCols(d).transpose(), amplitudes.leftCols(d).transpose();
    forms->parts = {std::move(real), std::move(imaginary)};
  }
  forms_ = std::move(forms);
}

Index IntensityModel::parameter_count() const { return forms_->parameters(); }
Index IntensityModel::output_count() const { return forms_->samples(); }

void IntensityModel::outputs(const ConstVectorRef& z, VectorRef y) const {
  y = forms_->along(z).rowwise().squaredNorm();
}

std::unique_ptr<Linearization> IntensityModel::linearize(const ConstVectorRef& z) const {
  return std::make_unique<Tangent>(forms_, z);
}

double IntensityModel::batch_sum(const ConstVectorRef& z, Batch batch, const BatchLoss& loss,
                                 VectorRef g) const {
  const auto count = static_cast<Index>(batch.size());
  const auto parts = static_cast<Index>(forms_->parts.size());
  Matrix values(count, parts);
  for (Index k = 0; k < parts; ++k)
    for (Index i = 0; i < count; ++i)
      values(i, k) =
          forms_->parts[static_cast<std::size_t>(k)].col(batch[static_cast<std::size_t>(i)]).dot(z);
  const Vector y = values.rowwise().squaredNorm();
  Vector gy(count);
  const double sum = loss.batch_sum(batch, y, gy);
  g.setZero();
  for (Index k = 0; k < parts; ++k)
    for (Index i = 0; i < count; ++i)
      g += 2 * gy[i] * values(i, k) *
           forms_->parts[static_cast<std::size_t>(k)].col(batch[static_cast<std::size_t>(i)]);
  return sum;
}

double IntensityModel::forward_flops() const {
  return 2.0 * static_cast<double>(forms_->parts.size()) * static_cast<double>(output_count()) *
         static_cast<double>(parameter_count());
}

double IntensityModel::squared_norm_bound() const {
  if (!forms_->squared_norm) forms_->squared_norm = thalweg::squared_norm_bound(forms_->parts);
  return *forms_->squared_norm;
}

// The real forms of a complex row have the norm of the row, each.
double IntensityModel::largest_amplitude_norm() const {
  return std::sqrt(forms_->parts.front().colwise().squaredNorm().maxCoeff());
}

void IntensityModel::weighted_second_derivative(const ConstVectorRef& u, const ConstVectorRef& v,
                                                VectorRef product) const {
  forms_->combine(2 * (u.asDiagonal() * forms_->along(v)), product);
}

// ---------------------------------------------------------------------------------------------

PhaseRetrievalObjective::PhaseRetrievalObjective(std::shared_ptr<const IntensityModel> model,
                                                 const Vector& intensities)
    : CompositeObjective(model, std::make_shared<SquaredLoss>(Matrix(intensities))),
      intensity_(std::move(model)),
      largest_intensity_(std::max(0.0, intensities.maxCoeff())) {}

std::unique_ptr<Hessian> PhaseRetrievalObjective::hessian(const ConstVectorRef& z) const {
  return std::make_unique<IntensityHessian>(intensity_, loss(), z);
}

// With t = a'z and b = a'v, |3 t^2 - y| <= 2 y+ + 3 |e|, since t^2 = y + e; sum |e| b^2 <= |e|
// (sum b^4)^(1/2), and the third derivative along v is (12/m) sum t b^3. Complex rows have |b|^2
// for b^2, and Re(conj(t) b) |b|^2 <= |t| |b|^3.
CurvatureBound PhaseRetrievalObjective::curvature_bound() const {
  const auto m = static_cast<double>(sample_count());
  const double square = intensity_->squared_norm_bound(), norm = std::sqrt(square),
               row = intensity_->largest_amplitude_norm(), y = largest_intensity_;
  const auto residual = [m](double gap) { return std::sqrt(2 * m * gap); };
  return CurvatureBound::self_bounding(
      [=](double gap) { return 2 / m * (2 * y * square + 3 * residual(gap) * row * norm); },
      [=](double gap) { return 12 / m * square * row * std::sqrt(y + residual(gap)); });
}

void PhaseRetrievalOptions::validate() const {
  OptionChecker check("phase retrieval");
  check.require(samples >= 1, "samples", "be at least 1", static_cast<double>(samples));
  check.require(dimension >= 1, "dimension", "be at least 1", static_cast<double>(dimension));
  check.require(noise >= 0 && std::isfinite(noise), "noise", "be finite and at least 0", noise);
  check.require(start_scale >= 0 && std::isfinite(start_scale), "start_scale",
                "be finite and at least 0", start_scale);
  check.throw_if_any();
}

PhaseRetrieval phase_retrieval(const PhaseRetrievalOptions& options) {
  options.validate();
  const Index m = options.samples, d = options.dimension;
  RandomStream random(options.seed, stream_name);
  PhaseRetrieval problem;
  problem.truth = draw(random, d, vector_variance, options.complex);
  Matrix amplitudes(m, problem.truth.size());
  for (Index i = 0; i < m; ++i)
    amplitudes.row(i) = draw(random, d, row_variance, options.complex).transpose();
  auto model = std::make_shared<IntensityModel>(amplitudes, options.complex);
  Vector intensities(m);
  model->outputs(problem.truth, intensities);
  intensities += options.noise * random.normal_vector(m);
  problem.objective = std::make_shared<PhaseRetrievalObjective>(std::move(model), intensities);
  problem.start = draw_start(random, d, options);
  return problem;
}

PhaseRetrieval phase_retrieval(const ConstMatrixRef& amplitudes, const Vector& intensities,
                               const PhaseRetrievalOptions& options) {
  options.validate();
  RandomStream random(options.seed, stream_name);
  PhaseRetrieval problem;
  problem.objective = std::make_shared<PhaseRetrievalObjective>(
      std::make_shared<IntensityModel>(amplitudes, options.complex), intensities);
  const Index d = options.complex ? amplitudes.cols() / 2 : amplitudes.cols();
  problem.start = draw_start(random, d, options);
  return problem;
}

}  // namespace thalweg
