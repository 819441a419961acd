#include "thalweg/problem/sample_subset.hpp"

#include <algorithm>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"

namespace thalweg {
namespace {

const FiniteSum& sum_of(const Objective& problem) {
  if (const auto* sum = dynamic_cast<const FiniteSum*>(&problem)) return *sum;
  throw UsageError("a subset of samples needs a mean over samples (a FiniteSum)");
}

}  // namespace

SampleSubset::SampleSubset(const Objective& problem, Index count, std::uint64_t seed)
    : problem_(problem), sum_(sum_of(problem)) {
  members_ = RandomStream(seed, "subset").permutation(problem.sample_count());
  members_.resize(static_cast<std::size_t>(std::min(count, problem.sample_count())));
  std::ranges::sort(members_);
}

double SampleSubset::value(const ConstVectorRef& x) const {
  Vector gradient(x.size());
  return sum_.value_and_gradient(x, members_, gradient);
}

double SampleSubset::value_and_gradient(const ConstVectorRef& x, VectorRef g) const {
  return sum_.value_and_gradient(x, members_, g);
}

double SampleSubset::value_and_gradient(const ConstVectorRef& x, Batch batch, VectorRef g) const {
  std::vector<Index> chosen;
  chosen.reserve(batch.size());
  for (const Index i : batch) chosen.push_back(members_[static_cast<std::size_t>(i)]);
  return sum_.value_and_gradient(x, chosen, g);
}

}  // namespace thalweg
