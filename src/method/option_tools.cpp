#include "option_tools.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

// Reads all of the text as a number.
template <class Number>
bool parse(std::string_view text, Number& number) {
  const char* end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(text.data(), end, number);
  return code == std::errc() && stop == end;
}

}  // namespace

std::map<std::string, std::string> with_own_names(std::map<std::string, std::string> texts,
                                                  const std::vector<OptionInfo>& options) {
  const auto has = [&](const char* key) {
    return std::ranges::find(options, key, &OptionInfo::key) != options.end();
  };
  if (has("eta") == has("stepsize")) return texts;
  const char* own = has("eta") ? "eta" : "stepsize";
  const char* other = has("eta") ? "stepsize" : "eta";
  if (auto given = texts.extract(other); !given.empty()) {
    if (!texts.contains(own)) given.key() = own;
    texts.insert(std::move(given));
  }
  return texts;
}

void OptionLister::option(std::string_view key, double& value, std::string_view meaning) {
  add(key, "number", fmt::format("{}", value), meaning);
}

void OptionLister::option(std::string_view key, std::int64_t& value, std::string_view meaning) {
  add(key, "integer", fmt::format("{}", value), meaning);
}

void OptionLister::option(std::string_view key, bool& value, std::string_view meaning) {
  add(key, "true|false", value ? "true" : "false", meaning);
}

void OptionLister::choice(std::string_view key, int& value, const std::vector<std::string>& choices,
                          std::string_view meaning) {
  add(key, fmt::format("{}", fmt::join(choices, "|")), choices.at(static_cast<std::size_t>(value)),
      meaning);
}

void OptionLister::add(std::string_view key, std::string type, std::string value,
                       std::string_view meaning) {
  infos_.push_back({std::string(key), std::move(type), std::move(value), std::string(meaning)});
}

void OptionSetter::option(std::string_view key, double& value, std::string_view) {
  const std::string* text = text_of(key);
  if (text && (!parse(*text, value) || std::isnan(value))) note_unreadable(key, *text, "a number");
}

void OptionSetter::option(std::string_view key, std::int64_t& value, std::string_view) {
  const std::string* text = text_of(key);
  if (text && !parse(*text, value)) note_unreadable(key, *text, "an integer");
}

void OptionSetter::option(std::string_view key, bool& value, std::string_view) {
  const std::string* text = text_of(key);
  if (!text) return;
  value = *text == "true";
  if (!value && *text != "false") note_unreadable(key, *text, "true or false");
}

void OptionSetter::choice(std::string_view key, int& value, const std::vector<std::string>& choices,
                          std::string_view) {
  const std::string* text = text_of(key);
  if (!text) return;
  const auto found = std::ranges::find(choices, *text);
  if (found == choices.end()) {
    note_unreadable(key, *text, fmt::format("one of {}", fmt::join(choices, ", ")));
  } else {
    value = static_cast<int>(found - choices.begin());
  }
}

const std::string* OptionSetter::text_of(std::string_view key) {
  keys_.emplace_back(key);
  const auto found = texts_.find(keys_.back());
  return found == texts_.end() ? nullptr : &found->second;
}

void OptionSetter::note_unreadable(std::string_view key, const std::string& text,
                                   std::string_view allowed) {
  problems_.push_back(fmt::format("{} must be {}, got \"{}\"", key, allowed, text));
}

void OptionSetter::throw_if_any() const {
  std::vector<std::string> unknown;
  for (const auto& [key, text] : texts_)
    if (std::ranges::find(keys_, key) == keys_.end())
      unknown.push_back(fmt::format("there is no option '{}'", key));
  std::vector<std::string> problems = unknown;
  problems.insert(problems.end(), problems_.begin(), problems_.end());
  if (problems.empty()) return;
  throw UsageError(fmt::format("{}", fmt::join(problems, "; ")),
                   unknown.empty() ? "" : fmt::format("the options are {}", fmt::join(keys_, ", ")),
                   owner_);
}

}  // namespace thalweg
