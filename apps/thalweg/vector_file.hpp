// A vector of numbers from a file: --init.
#pragma once

#include <string>

#include "thalweg/core/types.hpp"

namespace thalweg::cli {

/// CSV with one column (a header line allowed), or .npy of one dimension (or one column).
/// Throws DataError for a file that cannot be used.
Vector read_vector(const std::string& path);

}  // namespace thalweg::cli
