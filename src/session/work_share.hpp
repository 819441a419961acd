// What looking at a run may cost: a share of its own work, counted and not timed, so that the same
// run is looked at in the same way on every machine.
#pragma once

#include "thalweg/session/session.hpp"

namespace thalweg {

// Together 5 %, which what watches the run step by step does not noticeably add to.
inline constexpr double certificate_share = 0.03;  ///< of the second-order certificate
inline constexpr double plateau_share = 0.02;      ///< of all plateaus

struct WorkShare {
  double gradients = 0;      ///< of the objective
  double most_products = 0;  ///< of a Lanczos iteration, for the work on its basis alone
};

/// A share of the work of a finished run; of short runs some milliseconds.
WorkShare work_share(const Objective& objective, const Result& result, const report::Record& record,
                     double share);

}  // namespace thalweg
