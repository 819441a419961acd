#include "thalweg/model/two_point.hpp"

#include "thalweg/model/output_losses.hpp"

namespace thalweg {
namespace {

Vector samples() { return Vector{{10, -1, -1, -1, -1}}; }

}  // namespace

std::shared_ptr<const LinearObjective> two_point() {
  const LinearModel::Options options{.outputs = 1, .intercept = false};
  return std::make_shared<LinearObjective>(
      std::make_shared<LinearModel>(Matrix::Ones(samples().size(), 1), options),
      std::make_shared<SquaredLoss>(Matrix(samples())));
}

Vector two_point_start() { return Vector::Constant(1, 5); }

double two_point_minimizer() { return samples().mean(); }

}  // namespace thalweg
