// Quantiles for verdicts that are drawn from samples.
#pragma once

namespace thalweg {

/// The t that Student's t with `degrees` > 0 degrees of freedom exceeds with probability `tail`, in
/// (0, 1/2]. Accurate to about 1e-9 relative up to 1e5 degrees.
double student_quantile(double tail, double degrees);

}  // namespace thalweg
