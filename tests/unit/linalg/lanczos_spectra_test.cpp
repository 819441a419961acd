// Spectra as an independent oracle, on an operator too large for a dense eigenvalue solver in a
// test.

#include <gtest/gtest.h>

#include <Spectra/SymEigsSolver.h>

#include "thalweg/linalg/lanczos.hpp"

namespace thalweg::linalg {
namespace {

// The second difference on n points with a well in the middle: clustered ends, one eigenvalue
// apart.
struct Well {
  using Scalar = double;
  Index n;
  Index rows() const { return n; }
  Index cols() const { return n; }
  void perform_op(const double* v, double* av) const {
    for (Index i = 0; i < n; ++i) {
      const double left = i > 0 ? v[i - 1] : 0, right = i + 1 < n ? v[i + 1] : 0;
      av[i] = 2 * v[i] - left - right - (i == n / 2 ? 3 * v[i] : 0);
    }
  }
};

TEST(LanczosAgainstSpectra, TheBoundStateOfALargeOperator) {
  Well well{5000};
  const Product product = [&](const ConstVectorRef& v, VectorRef av) {
    well.perform_op(v.data(), av.data());
  };
  RandomStream random(7, "spectra");
  Spectra::SymEigsSolver<Well> oracle(well, 1, 40);
  oracle.init();
  ASSERT_EQ(oracle.compute(Spectra::SortRule::SmallestAlge, 1000, 1e-10), 1);
  const RitzPair smallest =
      extreme_eigenpair(product, well.n, Extreme::smallest, 1e-8, 20000, random);
  ASSERT_TRUE(smallest.converged);
  EXPECT_NEAR(smallest.value, oracle.eigenvalues()[0], 1e-7);
}

}  // namespace
}  // namespace thalweg::linalg
