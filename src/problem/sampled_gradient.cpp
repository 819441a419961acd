#include "thalweg/problem/sampled_gradient.hpp"

#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

const FiniteSum& finite_sum(const Objective& problem) {
  if (const auto* sum = dynamic_cast<const FiniteSum*>(&problem)) return *sum;
  throw UsageError("gradients of batches need a mean over samples, which this problem is not",
                   "give a FiniteSum");
}

}  // namespace

SampledGradient::SampledGradient(const Objective& problem, Index batch, std::uint64_t seed,
                                 std::string_view name)
    : problem_(problem),
      sum_(finite_sum(problem)),
      random_(seed, name),
      batch_(static_cast<std::size_t>(batch)),
      gradient_(problem.dimension()) {}

const Vector& SampledGradient::draw(const ConstVectorRef& x) {
  const auto all = static_cast<std::uint64_t>(problem_.sample_count());
  for (Index& sample : batch_) sample = static_cast<Index>(random_.below(all));
  sum_.value_and_gradient(x, batch_, gradient_);
  samples_used_ += static_cast<Index>(batch_.size());
  return gradient_;
}

const Vector& SampledGradient::sample(const ConstVectorRef& x, Index sample) {
  sum_.value_and_gradient(x, Batch(&sample, 1), gradient_);
  ++samples_used_;
  return gradient_;
}

void VectorMean::add(const ConstVectorRef& v) {
  ++count_;
  const Vector change = v - mean_;
  mean_ += change / static_cast<double>(count_);
  squares_ += change.dot(v - mean_);
}

double VectorMean::variance() const {
  return count_ < 2 ? 0 : squares_ / static_cast<double>(count_ - 1);
}

}  // namespace thalweg
