// Fits a model of one's own, y = a (1 - exp(-k t)): forecast, fit, certificates, report.
#include <cmath>
#include <cstdio>

#include "thalweg/thalweg.hpp"

using namespace thalweg;

// Parameters (a, k), one output per time. The Jacobian is given; without linearize() it would be
// measured by central differences.
class Saturation final : public OutputModel {
 public:
  explicit Saturation(Vector times) : times_(std::move(times)) {}
  Index parameter_count() const override { return 2; }
  Index output_count() const override { return times_.size(); }
  void outputs(const ConstVectorRef& x, VectorRef y) const override {
    y = x[0] * (1 - (-x[1] * times_.array()).exp());
  }
  std::unique_ptr<Linearization> linearize(const ConstVectorRef& x) const override {
    const Vector decay = (-x[1] * times_.array()).exp();
    Matrix jacobian(times_.size(), 2);
    jacobian.col(0) = 1 - decay.array();
    jacobian.col(1) = x[0] * times_.array() * decay.array();
    return std::make_unique<DenseLinearization>(x[0] * jacobian.col(0), jacobian);
  }

 private:
  Vector times_;
};

int main() {
  const Vector times{{0.5, 1, 2, 3, 5, 8, 13}};
  const Vector readings{{0.81, 1.43, 2.26, 2.77, 3.21, 3.42, 3.48}};
  const CompositeObjective problem(std::make_shared<Saturation>(times),
                                   std::make_shared<SquaredLoss>(readings));

  Goal goal;
  goal.method = "levenberg-marquardt";
  goal.method_options = {{"eps", "1e-8"}};
  const Solved solved = solve(problem, Vector{{1.0, 1.0}}, goal);

  const Vector& x = solved.result.best;
  std::printf("a %.4f  k %.4f  RMS residual %.4f\n", x[0], x[1],
              std::sqrt(2 * solved.result.value));
  std::printf("%s at the gradient tolerance\n", to_string(solved.result.reason.outcome));
  for (const Certificate& certificate : solved.record.certificates)
    std::printf("%s %s\n", certificate.claim.c_str(), to_string(certificate.verdict));
}
