// The options of every registered method: defaults, round trip, errors, documentation.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>

#include "contract/registry_names.hpp"
#include "thalweg/core/error.hpp"

namespace thalweg::contract {
namespace {

using Texts = std::map<std::string, std::string>;

class Options : public testing::TestWithParam<std::string> {
 protected:
  const MethodInfo& method = find_method(GetParam());
};
INSTANTIATE_TEST_SUITE_P(Registry, Options, testing::ValuesIn(method_names()), test_name);

std::vector<std::string> choices(const std::string& type) {
  std::vector<std::string> list{""};
  for (const char c : type) {
    if (c == '|') {
      list.emplace_back();
    } else {
      list.back() += c;
    }
  }
  return list;
}

bool is_number(const OptionInfo& option) {
  return option.type == "number" || option.type == "integer";
}

std::string message(const MethodInfo& method, const Texts& texts) {
  try {
    method.make(texts);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST_P(Options, AreNamedTypedAndExplained) {
  std::set<std::string> keys;
  for (const OptionInfo& option : method.options) {
    EXPECT_TRUE(keys.insert(option.key).second) << option.key << " occurs twice";
    EXPECT_EQ(option.key.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"),
              std::string::npos)
        << option.key;
    EXPECT_GT(option.meaning.size(), 10u) << option.key;
  }
  for (const std::string& text : {method.summary, method.needs, method.promise, method.reference})
    EXPECT_FALSE(text.empty());
  EXPECT_EQ(method.make({})->name(), method.name);
}

TEST_P(Options, DefaultsAreWhatIsUsed) {
  const Texts used = method.used_options({});
  EXPECT_EQ(used.size(), method.options.size());
  for (const OptionInfo& option : method.options)
    EXPECT_EQ(used.at(option.key), option.default_value);
  EXPECT_EQ(method.used_options(used), used);
  EXPECT_NO_THROW(method.make(used));
}

TEST_P(Options, EveryChoiceCanBeMade) {
  for (const OptionInfo& option : method.options) {
    if (is_number(option)) continue;
    for (const std::string& choice : choices(option.type))
      EXPECT_EQ(method.used_options({{option.key, choice}}).at(option.key), choice);
  }
}

// The nearest number beside the default must be accepted on one side at least, and keep its bits.
TEST_P(Options, NumbersKeepEveryBit) {
  for (const OptionInfo& option : method.options) {
    if (option.type != "number") continue;
    const double value = std::strtod(option.default_value.c_str(), nullptr);
    int accepted = 0;
    for (const double direction : {-1.0, 1.0}) {
      const double beside =
          std::nextafter(value, direction * std::numeric_limits<double>::infinity());
      const Texts texts{{option.key, fmt::format("{}", beside)}};
      if (!message(method, texts).empty()) continue;
      ++accepted;
      const std::string used = method.used_options(texts).at(option.key);
      EXPECT_EQ(std::strtod(used.c_str(), nullptr), beside) << option.key;
    }
    EXPECT_GT(accepted, 0) << option.key;
  }
}

// eta and stepsize are two names of one thing.
TEST_P(Options, TheStepsizeMayBeGivenUnderEitherName) {
  const Texts defaults = method.used_options({});
  if (defaults.contains("eta") == defaults.contains("stepsize"))
    GTEST_SKIP() << "has no constant stepsize";
  const std::string own = defaults.contains("eta") ? "eta" : "stepsize";
  const std::string other = own == "eta" ? "stepsize" : "eta";
  EXPECT_EQ(method.used_options({{other, "0.375"}}), method.used_options({{own, "0.375"}}));
  EXPECT_NE(message(method, {{own, "0.25"}, {other, "0.375"}}).find("'" + other + "'"),
            std::string::npos)
      << "both at once";
}

TEST_P(Options, UnknownKeysListTheValidOnes) {
  const std::string text = message(method, {{"no-such-key", "1"}, {"nor-this", "2"}});
  EXPECT_NE(text.find("'no-such-key'"), std::string::npos) << text;
  EXPECT_NE(text.find("'nor-this'"), std::string::npos) << text;
  for (const OptionInfo& option : method.options)
    EXPECT_NE(text.find(option.key), std::string::npos) << text;
}

TEST_P(Options, EveryUnreadableValueIsNamedAtOnce) {
  for (const char* bad : {"", "abc", "1,5", "1 ", "nan", "1e999999", "0x10"}) {
    Texts texts;
    for (const OptionInfo& option : method.options) texts[option.key] = bad;
    const std::string text = message(method, texts);
    for (const OptionInfo& option : method.options)
      EXPECT_NE(text.find(fmt::format("{} must be ", option.key)), std::string::npos) << text;
    EXPECT_NE(text.find(fmt::format("got \"{}\"", bad)), std::string::npos) << text;
  }
}

// No option takes every number: what lies outside must be refused, with the key and the value.
TEST_P(Options, ViolatedRangesAreNamed) {
  for (const OptionInfo& option : method.options) {
    if (!is_number(option)) continue;
    const std::string text = message(method, {{option.key, "-7"}});
    EXPECT_NE(text.find(option.key), std::string::npos) << option.key << " accepts -7: " << text;
    EXPECT_NE(text.find("-7"), std::string::npos) << text;
  }
}

// The page of the method names every option with its default on one line.
TEST_P(Options, AreDocumentedWithTheirDefaults) {
  const std::string path = std::string(THALWEG_SOURCE_DIR) + "/docs/methods/" + method.name + ".md";
  std::ifstream page(path);
  ASSERT_TRUE(page) << "there is no " << path;
  std::vector<std::string> lines;
  for (std::string line; std::getline(page, line);) lines.push_back(line);
  for (const OptionInfo& option : method.options) {
    const auto documents = [&](const std::string& line) {
      return line.rfind("| `" + option.key + "` |", 0) == 0 &&
             (line.find("| " + option.default_value + " |") != std::string::npos ||
              line.find("| `" + option.default_value + "` |") != std::string::npos);
    };
    EXPECT_TRUE(std::any_of(lines.begin(), lines.end(), documents))
        << path << " has no row | `" << option.key << "` | ... | " << option.default_value << " |";
  }
}

TEST(Registry, UnknownMethodsListTheKnownOnes) {
  try {
    find_method("no-such-method");
    FAIL() << "found";
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("'no-such-method'"), std::string::npos);
    for (const MethodInfo& known : methods())
      EXPECT_NE(error.remedy().find(known.name), std::string::npos);
  }
}

}  // namespace
}  // namespace thalweg::contract
