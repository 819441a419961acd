// A cheap lower bound of the rank of a Jacobian, to see where it has collapsed.
#pragma once

#include <cstdint>
#include <string_view>

#include "thalweg/problem/composite_objective.hpp"

namespace thalweg {

struct ProbedRank {
  Index rank = 0;    ///< numerical rank of the images, at most that of J
  Index probes = 0;  ///< min(m, n, probes asked for)
  bool lost() const { return rank < probes; }
};

/// The rank of J(x) times so many random vectors from the stream (seed, stream): with probability
/// 1 it is min(rank J, probes). Relative tolerance 1e-8, by a pivoted QR factorization. Work: one
/// linearization and `probes` products J v.
ProbedRank probe_rank(const CompositeObjective& problem, const ConstVectorRef& x,
                      std::uint64_t seed, std::string_view stream, Index probes = 16);

/// The problem as one whose Jacobian changes with x and can lose rank, else null.
const CompositeObjective* with_changing_rank(const Objective& problem);

}  // namespace thalweg
