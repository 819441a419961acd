// The options of a command as words: what the command line, a --config file and a checkpoint have
// in common.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace thalweg::cli {

/// Option name without dashes -> the words given for it, in order; a flag has the one word "true".
using Words = std::map<std::string, std::vector<std::string>>;

/// One documented option.
struct OptionSpec {
  std::string name;     ///< without dashes; "json", or "q,quiet" for a short form as well
  std::string value;    ///< what stands for its value in the help; empty: a flag
  std::string meaning;  ///< one sentence, with the default
  bool repeatable = false;
  std::string key() const;  ///< the long name
};

/// Adds the options of a TOML file that are not in `words` yet. Arrays are joined with commas (or
/// repeated, for a repeatable option), a table is KEY=VALUE words. Throws UsageError for an unknown
/// key, DataError for a file that cannot be read.
void merge_config(const std::string& path, const std::vector<OptionSpec>& known, Words& words);

std::string words_to_json(const Words& words);
/// Throws DataError (where: origin).
Words words_from_json(const std::string& json, const std::string& origin);

/// The parts of a list; an empty text has none.
std::vector<std::string> split(const std::string& text, char separator);
/// The whole of a text as a number; nothing where it is none.
std::optional<double> parse_number(std::string_view text);
std::optional<std::int64_t> parse_integer(std::string_view text);

/// Turns words into values, and reports every word that cannot be used at once.
class WordReader {
 public:
  explicit WordReader(const Words& words) : words_(words) {}

  bool given(const std::string& name) const { return words_.contains(name); }
  bool flag(const std::string& name) const { return given(name); }
  std::string text(const std::string& name, const std::string& otherwise = {}) const;
  /// "a,b,c"
  std::vector<std::string> list(const std::string& name) const;
  /// A finite number with low <= number (low < number where `open`) and number < below.
  std::optional<double> number(const std::string& name, double low, bool open = false,
                               double below = std::numeric_limits<double>::infinity());
  std::optional<std::int64_t> integer(const std::string& name, std::int64_t low,
                                      std::int64_t high = std::numeric_limits<std::int64_t>::max());
  /// 90s, 10m, 2h: seconds.
  std::optional<double> duration(const std::string& name);
  /// 4G, 500M: bytes, with K = 1024.
  std::optional<double> bytes(const std::string& name);
  /// KEY=VALUE words.
  std::map<std::string, std::string> pairs(const std::string& name);
  /// Position of the word in `choices`; 0 where it was not given.
  int choice(const std::string& name, const std::vector<std::string>& choices);

  void complain(const std::string& sentence) { complaints_.push_back(sentence); }
  /// Throws one UsageError with every complaint.
  void throw_if_any() const;

 private:
  std::optional<double> scaled(const std::string& name, const std::string& example,
                               const std::map<std::string, double>& units);

  const Words& words_;
  std::vector<std::string> complaints_;
};

}  // namespace thalweg::cli
