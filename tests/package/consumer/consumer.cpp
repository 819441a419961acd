// A model of the user's own, fitted through the installed package: residual model in, report out.
#include <cmath>
#include <cstdio>
#include <thalweg/thalweg.hpp>

struct Decay final : thalweg::OutputModel {  // y_i = x_0 exp(-x_1 t_i); its Jacobian is measured
  thalweg::Index parameter_count() const override { return 2; }
  thalweg::Index output_count() const override { return 20; }
  void outputs(const thalweg::ConstVectorRef& x, thalweg::VectorRef y) const override {
    for (thalweg::Index i = 0; i < 20; ++i)
      y[i] = x[0] * std::exp(-x[1] * 0.1 * static_cast<double>(i));
  }
};

int main() {
  thalweg::Matrix data(20, 1);
  Decay().outputs(thalweg::Vector{{3.0, 0.7}}, data.col(0));
  data(5, 0) += 0.01;  // one reading is off: the residual does not vanish
  const thalweg::CompositeObjective problem(std::make_shared<Decay>(),
                                            std::make_shared<thalweg::SquaredLoss>(data));
  std::puts(thalweg::report::to_text(thalweg::solve(problem, thalweg::Vector{{1.0, 1.0}}).record)
                .c_str());
}
