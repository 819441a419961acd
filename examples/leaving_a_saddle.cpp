// Is it a minimum, or stuck at a saddle? An objective of one's own, asked with differences of its
// gradients alone; then four ways out.
#include <cmath>
#include <cstdio>

#include "thalweg/certify/second_order.hpp"
#include "thalweg/session/session.hpp"

using namespace thalweg;

// The distance of x y from 1, half squared, for two factors of n numbers each: f = |<a, b> - 1|^2
// / 2 + |a|^2 |b|^2 - <a, b>^2. At zero the gradient vanishes, and a b grows both ways.
class Factors final : public Objective {
 public:
  explicit Factors(Index n) : n_(n) {}
  Index dimension() const override { return 2 * n_; }
  double value(const ConstVectorRef& x) const override {
    const double product = x.head(n_).dot(x.tail(n_));
    const double sizes = x.head(n_).squaredNorm() * x.tail(n_).squaredNorm();
    return (product - 1) * (product - 1) / 2 + sizes - product * product;
  }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    const auto a = x.head(n_), b = x.tail(n_);
    const double product = a.dot(b), slope = product - 1 - 2 * product;
    g.head(n_) = slope * b + 2 * b.squaredNorm() * a;
    g.tail(n_) = slope * a + 2 * a.squaredNorm() * b;
    return value(x);
  }
  double lower_bound() const override { return 0; }

 private:
  Index n_;
};

int main() {
  const Factors objective(5);
  const Vector start = Vector::Zero(10);

  const Certificate certificate = certify_second_order(objective, start, {.eps = 1e-3});
  std::printf("at zero: %s, curvature %.4f\n\n", certificate.kind.c_str(), *certificate.measured);

  std::printf("method              outcome    steps  value  point\n");
  const auto print = [&](const char* name, const Goal& goal) {
    const Solved solved = solve(objective, start, goal);
    const auto& certificates = solved.record.certificates;
    const char* kind = "not asked";
    for (const Certificate& c : certificates)
      if (c.claim == "second-order") kind = c.kind.c_str();
    std::printf("%-18s  %-9s  %5lld  %5.2f  %s\n", name, to_string(solved.result.reason.outcome),
                static_cast<long long>(solved.result.steps), solved.result.value, kind);
  };
  Goal goal;
  goal.method = "lbfgs";
  print("lbfgs", goal);
  goal.method_options = {{"escape", "on"}};
  print("lbfgs, escape=on", goal);
  goal.method_options.clear();
  for (const char* method : {"perturbed", "negative-curvature"}) {
    goal.method = method;
    print(method, goal);
  }
}
