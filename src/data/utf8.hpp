// UTF-8 validation at the speed of memory for ASCII.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace thalweg {

/// Offset of the first byte that is NUL or does not belong to valid UTF-8 (RFC 3629), if any.
std::optional<std::size_t> find_invalid_utf8(std::string_view bytes);

}  // namespace thalweg
