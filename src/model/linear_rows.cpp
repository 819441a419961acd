#include "linear_rows.hpp"

#ifdef _OPENMP
#include <omp.h>
#endif

#include "thalweg/core/error.hpp"
#include "thalweg/core/threads.hpp"

namespace thalweg {

LinearRows::LinearRows(Index rows, Index columns, LinearModel::Options options)
    : rows_(rows), columns_(columns), options_(options) {
  OptionChecker check("linear model");
  check.require(rows >= 1, "rows", "be at least 1", static_cast<double>(rows));
  check.require(columns >= 1, "columns", "be at least 1", static_cast<double>(columns));
  check.require(options.outputs >= 1, "outputs", "be at least 1",
                static_cast<double>(options.outputs));
  check.throw_if_any();
}

int LinearRows::parts() const {
#ifdef _OPENMP
  // Below, waiting for a second thread can cost more than it brings.
  constexpr double serial_work = 2e6;
  const double work = numbers() * static_cast<double>(outputs_per_sample());
  return work < serial_work || omp_in_parallel() ? 1 : threads();
#else
  return 1;
#endif
}

}  // namespace thalweg
