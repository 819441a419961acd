// Decimal numbers from text, rounded correctly, at the speed of memory where the number is short.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>
#include <system_error>

namespace thalweg {

constexpr bool is_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

/// Reads a run of digits at p into the mantissa, eight bytes at a time, and returns where it ends.
/// The mantissa wraps beyond 19 digits.
inline const char* read_digits(const char* p, const char* end, std::uint64_t& mantissa) {
  static constexpr std::array<std::uint64_t, 9> power = {1,      10,      100,      1000,     10000,
                                                         100000, 1000000, 10000000, 100000000};
  while (end - p >= 8) {
    std::uint64_t digits;
    std::memcpy(&digits, p, sizeof digits);
    digits ^= 0x3030303030303030;  // each byte that was a digit is now 0 .. 9, the first one lowest
    // A byte of 10 or more sets its top bit; the carry of one above 0x89 only reaches later bytes.
    const std::uint64_t others = ((digits + 0x7676767676767676) | digits) & 0x8080808080808080;
    const int count = others == 0 ? 8 : std::countr_zero(others) / 8;
    // Move the digits to the top, zeros below them (in two shifts, since 64 at once is undefined),
    // then add neighbours: 8 digits, 4 pairs, 2 quadruples.
    digits = digits << (4 * (8 - count)) << (4 * (8 - count));
    digits = 10 * digits + (digits >> 8);
    const std::uint64_t even = 0x000000FF000000FF;
    const std::uint64_t value = ((digits & even) * (100 + (std::uint64_t{1000000} << 32)) +
                                 ((digits >> 16) & even) * (1 + (std::uint64_t{10000} << 32))) >>
                                32;
    mantissa = mantissa * power[static_cast<std::size_t>(count)] + value;
    p += count;
    if (count < 8) return p;
  }
  for (; p != end && is_digit(*p); ++p) mantissa = 10 * mantissa + static_cast<unsigned>(*p - '0');
  return p;
}

/// Power of ten of the leading nonzero digit of [p, end), before its stated exponent.
inline std::int64_t leading_power(const char* p, const char* end) {
  std::int64_t integer_digits = 0, zeros = 0;
  const char* q = p;
  for (; q != end && is_digit(*q); ++q) ++integer_digits;
  for (; p != end && (*p == '0' || *p == '.'); ++p) zeros += *p == '0';
  return integer_digits - zeros - 1;
}

/// The number that [begin, end) spells, correctly rounded: infinite when it lies outside double, 0
/// when it lies below the smallest one.
inline double round_decimal(const char* begin, const char* end, std::int64_t stated_exponent) {
  const bool negative = *begin == '-';
  if (*begin == '+') ++begin;
  double value = 0;
  if (std::from_chars(begin, end, value).ec != std::errc::result_out_of_range) return value;
  const bool large = leading_power(begin + negative, end) + stated_exponent > 0;
  const double magnitude = large ? std::numeric_limits<double>::infinity() : 0.0;
  return negative ? -magnitude : magnitude;
}

/// Reads the longest number at the start of [p, end): [+-] digits [. digits] [e [+-] digits].
/// Returns where it ends, or nullptr where there is none; the value is what strtod gives, bit for
/// bit.
inline const char* parse_number(const char* p, const char* end, double& value) {
  // A mantissa below 2^53 and a power of ten up to 10^22 are both exact in double, so that their
  // product or quotient is rounded once (W. Clinger: How to read floating point numbers accurately,
  // PLDI 1990).
  static constexpr std::array<double, 23> power = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  const char* const begin = p;
  if (p == end) return nullptr;
  const bool negative = *p == '-';
  p += static_cast<int>(negative) | static_cast<int>(*p == '+');  // signs are hard to predict

  std::uint64_t mantissa = 0;
  const char* const digits = p;
  p = read_digits(p, end, mantissa);
  std::int64_t digit_count = p - digits, exponent = 0;
  if (p != end && *p == '.') {
    const char* const fraction = ++p;
    p = read_digits(p, end, mantissa);
    exponent = fraction - p;
    digit_count -= exponent;
  }
  if (digit_count == 0) return nullptr;
  std::int64_t stated_exponent = 0;
  if (p != end && (*p == 'e' || *p == 'E')) {
    ++p;
    const bool negative_exponent = p != end && *p == '-';
    if (p != end && (*p == '-' || *p == '+')) ++p;
    if (p == end || !is_digit(*p)) return nullptr;
    for (; p != end && is_digit(*p); ++p)
      if (stated_exponent < 1'000'000'000) stated_exponent = 10 * stated_exponent + (*p - '0');
    if (negative_exponent) stated_exponent = -stated_exponent;
    exponent += stated_exponent;
  }

  constexpr std::uint64_t exact = std::uint64_t{1} << 53;
  if (digit_count <= 19 && mantissa <= exact && exponent >= -22 && exponent <= 22) {
    const double m = static_cast<double>(mantissa);
    const double magnitude = exponent < 0 ? m / power[static_cast<std::size_t>(-exponent)]
                                          : m * power[static_cast<std::size_t>(exponent)];
    const std::uint64_t sign = static_cast<std::uint64_t>(negative) << 63;
    value = std::bit_cast<double>(std::bit_cast<std::uint64_t>(magnitude) | sign);
  } else {
    value = round_decimal(begin, p, stated_exponent);
  }
  return p;
}

inline bool is_word(std::string_view text, std::string_view word) {
  return text.size() == word.size() && std::equal(text.begin(), text.end(), word.begin(),
                                                  [](char a, char b) { return (a | 0x20) == b; });
}

/// inf, infinity, nan with or without a sign, in any case.
inline bool reads_not_finite(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  return is_word(text, "inf") || is_word(text, "infinity") || is_word(text, "nan");
}

}  // namespace thalweg
