// UTF-8 validation at the speed of memory for ASCII, with the errors of text that is not UTF-8.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace thalweg {

/// Offset of the first byte that is NUL or does not belong to valid UTF-8 (RFC 3629), if any.
std::optional<std::size_t> find_invalid_utf8(std::string_view bytes);

/// Throws DataError for text that is not UTF-8 or has a NUL byte; `locate` names the place of an
/// offset, FILE:ROW:COLUMN.
void require_utf8(std::string_view bytes, const std::string& source,
                  const std::function<std::string(std::size_t)>& locate);

std::string_view without_byte_order_mark(std::string_view bytes);

}  // namespace thalweg
