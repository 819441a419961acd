// Files of images told from other bytes, and what their readers share. Private; the readers are in
// table.hpp.
#pragma once

#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "thalweg/data/table.hpp"

namespace thalweg {

/// Begins as IDX files do and no text does: two zero bytes, then a small one, the type of numbers,
/// known or not.
bool begins_like_idx(std::string_view bytes);
/// Begins with a magic number of IDX: a known type, and as many dimensions as are read.
bool has_idx_magic(std::string_view bytes);
/// Its header can be understood and announces as many numbers as there are.
bool is_whole_idx(std::string_view bytes);

/// Whether bytes that are no whole IDX file are to be read as CIFAR-10, which has no magic number:
/// whole records, each beginning with a label, in what cannot be text or is named .bin. What is
/// named so, is no text and has no magic number of IDX is refused as CIFAR-10.
bool reads_like_cifar(std::string_view bytes, const std::string& source);

inline Column label_column(std::vector<double> labels) {
  Column column;
  column.name = "label";
  column.numbers = std::move(labels);
  return column;
}

/// File rows 1, 2, ...: samples are counted from 1.
inline std::vector<Index> count_rows(Index rows) {
  std::vector<Index> numbers(static_cast<std::size_t>(rows));
  std::iota(numbers.begin(), numbers.end(), Index{1});
  return numbers;
}

}  // namespace thalweg
