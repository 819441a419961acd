#include "words.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <toml++/toml.h>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "thalweg/core/error.hpp"
#include "thalweg/data/table.hpp"

namespace thalweg::cli {
namespace {

// ---- TOML

std::string toml_word(const toml::node& node, const std::string& where) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  if (const auto* whole = node.as_integer()) return fmt::format("{}", whole->get());
  if (const auto* real = node.as_floating_point()) return fmt::format("{}", real->get());
  throw UsageError("a text, number or boolean was expected", "see thalweg train --help", where);
}

std::vector<std::string> toml_words(const OptionSpec& option, const toml::node& node,
                                    const std::string& where) {
  std::vector<std::string> words;
  if (const auto* table = node.as_table()) {
    for (const auto& [key, value] : *table)
      words.push_back(fmt::format("{}={}", std::string_view(key.str()), toml_word(value, where)));
    return words;
  }
  const auto* array = node.as_array();
  if (array == nullptr) return {toml_word(node, where)};
  for (const toml::node& entry : *array) words.push_back(toml_word(entry, where));
  if (option.repeatable || words.empty()) return words;
  return {fmt::format("{}", fmt::join(words, ","))};
}

const OptionSpec& find_option(const std::vector<OptionSpec>& known, std::string_view key,
                              const std::string& where) {
  std::vector<std::string> names;
  for (const OptionSpec& option : known) {
    if (option.key() == key) return option;
    names.push_back(option.key());
  }
  throw UsageError(fmt::format("unknown key \"{}\"", key),
                   fmt::format("the keys are {}", fmt::join(names, ", ")), where);
}

/// The whole of `text` as a number.
template <class Number>
std::optional<Number> parse(std::string_view text) {
  Number value{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

std::optional<double> parse_number(std::string_view text) { return parse<double>(text); }

std::optional<std::int64_t> parse_integer(std::string_view text) {
  return parse<std::int64_t>(text);
}

std::string OptionSpec::key() const { return name.substr(name.find(',') + 1); }

void merge_config(const std::string& path, const std::vector<OptionSpec>& known, Words& words) {
  toml::table table;
  try {
    table = toml::parse(read_bytes(path), path);
  } catch (const toml::parse_error& problem) {
    const auto& at = problem.source().begin;
    throw UsageError(std::string(problem.description()), "write it as TOML: key = value",
                     fmt::format("{}:{}:{}", path, at.line, at.column));
  }
  for (const auto& [key, node] : table) {
    const std::string where = fmt::format("{}:{}", path, node.source().begin.line);
    const OptionSpec& option = find_option(known, key.str(), where);
    if (words.contains(option.key())) continue;  // flags win
    std::vector<std::string> given = toml_words(option, node, where);
    const bool off = option.value.empty() && given == std::vector<std::string>{"false"};
    if (!off && !given.empty()) words[option.key()] = std::move(given);
  }
}

std::string words_to_json(const Words& words) {
  return nlohmann::json(words).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Words words_from_json(const std::string& json, const std::string& origin) {
  try {
    return nlohmann::json::parse(json).get<Words>();
  } catch (const nlohmann::json::exception&) {
    throw DataError("the options stored in it cannot be read", origin, "train again");
  }
}

std::string WordReader::text(const std::string& name, const std::string& otherwise) const {
  const auto found = words_.find(name);
  return found == words_.end() || found->second.empty() ? otherwise : found->second.back();
}

std::vector<std::string> WordReader::list(const std::string& name) const {
  return split(text(name), ',');
}

std::optional<double> WordReader::number(const std::string& name, double low, bool open,
                                         double below) {
  if (!given(name)) return std::nullopt;
  const std::optional<double> value = parse_number(text(name));
  const bool holds =
      value && std::isfinite(*value) && *value < below && (open ? *value > low : *value >= low);
  if (holds) return value;
  std::string must = fmt::format("{} {}", open ? "above" : "at least", low);
  if (std::isfinite(below)) must += fmt::format(" and below {}", below);
  complain(fmt::format("--{} must be a number {}, got \"{}\"", name, must, text(name)));
  return std::nullopt;
}

std::optional<std::int64_t> WordReader::integer(const std::string& name, std::int64_t low,
                                                std::int64_t high) {
  if (!given(name)) return std::nullopt;
  const std::optional<std::int64_t> value = parse_integer(text(name));
  if (value && *value >= low && *value <= high) return value;
  complain(fmt::format("--{} must be a whole number from {} to {}, got \"{}\"", name, low, high,
                       text(name)));
  return std::nullopt;
}

std::optional<double> WordReader::scaled(const std::string& name, const std::string& example,
                                         const std::map<std::string, double>& units) {
  if (!given(name)) return std::nullopt;
  const std::string word = text(name);
  const std::size_t digits = std::min(word.find_first_not_of("0123456789."), word.size());
  const std::optional<double> value = parse_number(word.substr(0, digits));
  const auto unit = units.find(word.substr(digits));
  if (value && *value > 0 && unit != units.end()) return *value * unit->second;
  complain(fmt::format("--{} must be written like {}, got \"{}\"", name, example, word));
  return std::nullopt;
}

std::optional<double> WordReader::duration(const std::string& name) {
  return scaled(name, "90s, 10m or 2h", {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}});
}

std::optional<double> WordReader::bytes(const std::string& name) {
  constexpr double kilo = 1024;
  return scaled(name, "4G or 500M",
                {{"", 1},
                 {"K", kilo},
                 {"M", kilo * kilo},
                 {"G", kilo * kilo * kilo},
                 {"T", kilo * kilo * kilo * kilo}});
}

std::map<std::string, std::string> WordReader::pairs(const std::string& name) {
  std::map<std::string, std::string> result;
  if (!given(name)) return result;
  for (const std::string& word : words_.at(name)) {
    const std::size_t equals = word.find('=');
    if (equals == 0 || equals == std::string::npos)
      complain(fmt::format("--{} must be written KEY=VALUE, got \"{}\"", name, word));
    else
      result[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return result;
}

int WordReader::choice(const std::string& name, const std::vector<std::string>& choices) {
  if (!given(name)) return 0;
  for (std::size_t i = 0; i < choices.size(); ++i)
    if (choices[i] == text(name)) return static_cast<int>(i);
  complain(fmt::format("--{} must be one of {}, got \"{}\"", name, fmt::join(choices, ", "),
                       text(name)));
  return 0;
}

void WordReader::throw_if_any() const {
  if (complaints_.empty()) return;
  throw UsageError(fmt::format("{}", fmt::join(complaints_, "; ")));
}

}  // namespace thalweg::cli
