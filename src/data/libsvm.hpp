// What tells LIBSVM text from CSV. Private.
#pragma once

#include <string_view>

namespace thalweg {

/// Whether the first line with more than one field begins with a number and at least half of the
/// fields behind it are index:value, or one is a query id.
bool reads_like_libsvm(std::string_view bytes);

}  // namespace thalweg
