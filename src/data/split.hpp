// Rows for training, validation and test. Private.
#pragma once

#include <vector>

#include "thalweg/data/dataset.hpp"

namespace thalweg {

struct Split {
  std::vector<Index> train, validation, test;
};

/// The rows by class; a regression has one stratum, which may be left without rows.
struct Strata {
  std::vector<int> of_row;
  std::vector<Index> sizes;
  Index kept_for_training = 0;  ///< of each
};

Strata one_stratum(Index rows);
Strata strata_of(std::vector<int> labels, std::size_t classes);

/// A random part of each size, by the stream "split" of the seed, in which every stratum has its
/// share; rows keep their order inside. Throws RefusedError when the rows are too few.
Split split_rows(const std::vector<Index>& rows, const Strata& strata,
                 const DatasetOptions& options);

}  // namespace thalweg
