// What tells LIBSVM text from CSV. Private.
#pragma once

#include <string_view>

namespace thalweg {

/// Whether the first line with more than one field begins with a number and has an index:value pair
/// (or a query id) behind it.
bool reads_like_libsvm(std::string_view bytes);

}  // namespace thalweg
