#include "data/utf8.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <cstring>

#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

constexpr std::uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;

// Eight bytes that are all in 1 .. 127.
bool plain_ascii(const char* p) {
  std::uint64_t word;
  std::memcpy(&word, p, sizeof word);
  return ((word | (word - ones)) & tops) == 0;
}

bool continuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

// Length of the valid sequence at the start of `s`, or 0. Overlong forms, surrogates and code
// points above U+10FFFF are invalid.
std::size_t sequence_length(std::string_view s) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return lead == 0 ? 0 : 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || s.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if (!continuation(byte(i))) return 0;
  const unsigned char next = byte(1);
  const bool overlong = (lead == 0xE0 && next < 0xA0) || (lead == 0xF0 && next < 0x90);
  const bool outside = (lead == 0xED && next > 0x9F) || (lead == 0xF4 && next > 0x8F);
  return overlong || outside ? 0 : length;
}

}  // namespace

std::optional<std::size_t> find_invalid_utf8(std::string_view bytes) {
  std::size_t i = 0;
  while (i < bytes.size()) {
    if (i + 8 <= bytes.size() && plain_ascii(bytes.data() + i)) {
      i += 8;
      continue;
    }
    const std::size_t length = sequence_length(bytes.substr(i));
    if (length == 0) return i;
    i += length;
  }
  return std::nullopt;
}

void require_utf8(std::string_view bytes, const std::string& source,
                  const std::function<std::string(std::size_t)>& locate) {
  if (bytes.substr(0, 2) == "\xFF\xFE" || bytes.substr(0, 2) == "\xFE\xFF")
    throw DataError("the text is UTF-16", source + ":1:1", "save the table as UTF-8");
  const auto offset = find_invalid_utf8(bytes);
  if (!offset) return;
  if (bytes[*offset] == '\0')
    throw DataError("a NUL byte", locate(*offset), "this is no text; save the table as UTF-8 text");
  throw DataError(
      fmt::format("byte 0x{:02x} is not UTF-8", static_cast<unsigned char>(bytes[*offset])),
      locate(*offset), "save the table as UTF-8");
}

std::string_view without_byte_order_mark(std::string_view bytes) {
  constexpr std::string_view mark = "\xEF\xBB\xBF";
  if (bytes.substr(0, mark.size()) == mark) bytes.remove_prefix(mark.size());
  return bytes;
}

}  // namespace thalweg
