// Samples that no parameters can tell apart and that have different labels. Private.
#pragma once

#include <vector>

#include "preflight/separability_rows.hpp"

namespace thalweg::separability {

/// All samples that share their rows, number by number (0 equals -0), with one of another class;
/// ascending. One product finds the candidates, only their rows are looked at.
std::vector<Index> equal_rows_of_different_classes(const MarginRows& margins);

}  // namespace thalweg::separability
