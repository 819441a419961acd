// Quantiles for verdicts that are drawn from samples.
#pragma once

namespace thalweg {

/// The t that Student's t with `degrees` > 0 degrees of freedom exceeds with probability `tail`, in
/// (0, 1/2]. Accurate to about 1e-10 relative.
double student_quantile(double tail, double degrees);

}  // namespace thalweg
