// parse_number against strtod, bit for bit.
#include "data/number.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "thalweg/core/random.hpp"

namespace thalweg {
namespace {

// With bytes behind the number, as in a file, and without.
void expect_as_strtod(const std::string& text) {
  const double expected = std::strtod(text.c_str(), nullptr);
  for (const std::string behind : {"", ",1234567890", "\n8"}) {
    const std::string bytes = text + behind;
    double value = 0;
    const char* const end = parse_number(bytes.data(), bytes.data() + bytes.size(), value);
    ASSERT_NE(end, nullptr) << text;
    EXPECT_EQ(end - bytes.data(), static_cast<std::ptrdiff_t>(text.size())) << text;
    EXPECT_EQ(std::bit_cast<std::uint64_t>(value), std::bit_cast<std::uint64_t>(expected)) << text;
  }
}

std::string printed(const char* format, double value) {
  std::vector<char> buffer(2000);
  std::snprintf(buffer.data(), buffer.size(), format, value);
  return buffer.data();
}

double any_double(RandomStream& random) {  // uniform over finite bit patterns
  for (;;) {
    const auto bits =
        random.below(std::uint64_t{1} << 32) << 32 | random.below(std::uint64_t{1} << 32);
    const auto value = std::bit_cast<double>(bits);
    if (std::isfinite(value)) return value;
  }
}

TEST(ParseNumber, EqualsStrtodOnRandomDoublesInManyFormats) {
  RandomStream random(1, "number test");
  for (int i = 0; i < 3000; ++i) {
    const double wild = any_double(random), tame = 1e3 * random.normal();
    for (const char* format :
         {"%.0e", "%.5e", "%.15e", "%.16e", "%.17e", "%.25e", "%.17g", "%+.9e"})
      expect_as_strtod(printed(format, wild));
    for (const char* format : {"%.0f", "%.1f", "%.3f", "%.8f", "%.15f", "%.20f", "%g", "%.17g"})
      expect_as_strtod(printed(format, tame));
  }
}

TEST(ParseNumber, EqualsStrtodOnRandomDigitStrings) {
  RandomStream random(2, "number test");
  for (int i = 0; i < 20000; ++i) {
    std::string text = random.below(2) ? "-" : "";
    const auto digits = 1 + random.below(25), point = random.below(26);
    for (std::uint64_t k = 0; k < digits; ++k) {
      if (k == point) text += '.';
      text += static_cast<char>('0' + (random.below(3) == 0 ? 0 : random.below(10)));
    }
    if (random.below(2)) text += "e" + std::to_string(static_cast<int>(random.below(80)) - 40);
    expect_as_strtod(text);
  }
}

TEST(ParseNumber, EqualsStrtodOnHardCases) {
  for (const char* text : {"0",
                           "-0",
                           "+0.0",
                           ".5",
                           "5.",
                           "-.5e-3",
                           "9007199254740992",
                           "9007199254740993",
                           "9007199254740993.0000000000000000000000000000001",
                           "18446744073709551616",
                           "99999999999999999999",
                           "1e22",
                           "1e23",
                           "1e-22",
                           "123456789012345e22",
                           "1.7976931348623157e308",
                           "1.7976931348623158e308",
                           "1.7976931348623159e308",
                           "1e309",
                           "-1e400",
                           "1e99999999999999999999",
                           "4.9406564584124654e-324",
                           "2.4703282292062327e-324",
                           "2.4703282292062328e-324",
                           "1e-400",
                           "-1e-99999999999999999999",
                           "2.2250738585072011e-308",
                           "2.2250738585072014e-308",
                           "0.000000000000000000000000000000000000001",
                           "0e999999",
                           "0000000000000000000000001",
                           "8.5e+00",
                           "1E5",
                           "00000000000000000000000000000000000000000000.1e-5"})
    expect_as_strtod(text);
  expect_as_strtod("1" + std::string(400, '0'));
  expect_as_strtod("0." + std::string(400, '0') + "1");
  expect_as_strtod("0." + std::string(400, '0') + "1e400");
}

TEST(ParseNumber, RefusesWhatIsNoNumber) {
  for (const std::string text :
       {"", "-", "+", ".", "-.", "e5", "1e", "1e+", "x", "--1", "inf", "nan"}) {
    double value = 0;
    EXPECT_EQ(parse_number(text.data(), text.data() + text.size(), value), nullptr) << text;
  }
}

TEST(ParseNumber, StopsAtTheFirstByteBehindTheNumber) {
  for (const std::string text :
       {"12,3", "1.5.2", "12 3", "1-2", "0x10", "12\xC3\xA9", "1234567\xFF"}) {
    double value = 0;
    char* expected = nullptr;
    const double strtod_value = text == "0x10" ? 0 : std::strtod(text.c_str(), &expected);
    const char* const end = parse_number(text.data(), text.data() + text.size(), value);
    EXPECT_EQ(value, strtod_value) << text;
    const char* const strtod_end = expected != nullptr ? expected : text.data() + 1;
    EXPECT_EQ(end, strtod_end) << text;
  }
}

}  // namespace
}  // namespace thalweg
