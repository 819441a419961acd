// What the files of the built-in problems share.
#pragma once

#include <memory>
#include <string>

#include "problem.hpp"

namespace thalweg::cli {

Problem with_objective(std::shared_ptr<const Objective> objective, Vector start);

/// The numbers of a CSV table, (rows, columns). Throws DataError with the first cell that holds no
/// finite number, and `remedy`.
Matrix finite_numbers(const Table& table, const std::string& remedy);

/// Throws RefusedError where `bytes` are more than the memory limit: "WHAT needs ... GB".
void refuse_large(const Settings& settings, double bytes, const std::string& what,
                  const std::string& remedy);

// Problems with saddles: built_in_saddles.cpp.
Problem make_quartic_saddle(const Settings& settings, const Source& source);
Problem make_strict_saddle(const Settings& settings, const Source& source);
Problem make_saddle_chain(const Settings& settings, const Source& source);
Problem make_matrix_factorization(const Settings& settings, const Source& source);
Problem make_matrix_completion(const Settings& settings, const Source& source);
Problem make_tensor_decomposition(const Settings& settings, const Source& source);
Problem make_symmetric_network(const Settings& settings, const Source& source);

}  // namespace thalweg::cli
