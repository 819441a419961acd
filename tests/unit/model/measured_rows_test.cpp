// Norms of the rows of J, and products with them, measured row by row.
#include <gtest/gtest.h>

#include "thalweg/model/linear_model.hpp"
#include "thalweg/model/network.hpp"

namespace thalweg {
namespace {

void expect_as_explicit(const Linearization& at) {
  const Matrix j = at.jacobian();
  const Vector v = Vector::Random(at.parameter_count());
  EXPECT_LE((at.row_norms() - j.rowwise().norm()).cwiseAbs().maxCoeff(), 1e-13);
  EXPECT_LE((at.rows_times(v) - j * v).cwiseAbs().maxCoeff(), 1e-12);
  EXPECT_GT(at.row_numbers(), 0);
}

TEST(MeasuredRows, OfLinearModels) {
  for (const Index outputs : {1, 3})
    for (const bool intercept : {true, false}) {
      const LinearModel::Options options{.outputs = outputs, .intercept = intercept};
      const Matrix inputs = Matrix::Random(200, 7);
      const LinearModel dense(inputs, options);
      expect_as_explicit(*dense.linearize(Vector::Zero(dense.parameter_count())));
      const SparseMatrix raw = Matrix(inputs.cwiseMax(0.2)).sparseView();
      const LinearModel sparse(raw, Vector::Constant(7, 0.3), Vector::Constant(7, 2.0), options);
      expect_as_explicit(*sparse.linearize(Vector::Zero(sparse.parameter_count())));
    }
}

TEST(MeasuredRows, OfNetworks) {
  const Network network({.inputs = 3, .hidden = {4}, .outputs = 2});
  expect_as_explicit(*network.on(Matrix::Random(30, 3))->linearize(network.initial_parameters(1)));
}

}  // namespace
}  // namespace thalweg
