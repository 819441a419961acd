// Visitors over an Options struct: its documentation, its values, and setting it from texts.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "thalweg/method/registry.hpp"

namespace thalweg {

/// Key, type, present value and meaning of every option.
template <class Options>
std::vector<OptionInfo> option_infos(Options options);

/// `eta` and `stepsize` are two names of one thing: where the options have exactly one of the two,
/// a text given under the other name is put under it, unless both are given.
std::map<std::string, std::string> with_own_names(std::map<std::string, std::string> texts,
                                                  const std::vector<OptionInfo>& options);

/// Sets options by key, or by its other name; throws one UsageError with every unknown key,
/// unreadable value and violated range.
template <class Options>
Options with_options(std::string_view owner, const std::map<std::string, std::string>& texts);

class OptionLister final : public OptionVisitor {
 public:
  void option(std::string_view key, double& value, std::string_view meaning) override;
  void option(std::string_view key, std::int64_t& value, std::string_view meaning) override;
  void option(std::string_view key, bool& value, std::string_view meaning) override;
  void choice(std::string_view key, int& value, const std::vector<std::string>& choices,
              std::string_view meaning) override;
  std::vector<OptionInfo> take() { return std::move(infos_); }

 private:
  void add(std::string_view key, std::string type, std::string value, std::string_view meaning);

  std::vector<OptionInfo> infos_;
};

class OptionSetter final : public OptionVisitor {
 public:
  OptionSetter(std::string_view owner, const std::map<std::string, std::string>& texts)
      : owner_(owner), texts_(texts) {}
  void option(std::string_view key, double& value, std::string_view meaning) override;
  void option(std::string_view key, std::int64_t& value, std::string_view meaning) override;
  void option(std::string_view key, bool& value, std::string_view meaning) override;
  void choice(std::string_view key, int& value, const std::vector<std::string>& choices,
              std::string_view meaning) override;
  /// Notes a violated range found by the options themselves.
  void note(std::string problem) { problems_.push_back(std::move(problem)); }
  /// Throws with everything noted, unknown keys included; does nothing when all is well.
  void throw_if_any() const;

 private:
  // The text given for the key; remembers the key as a valid one.
  const std::string* text_of(std::string_view key);
  void note_unreadable(std::string_view key, const std::string& text, std::string_view allowed);

  std::string owner_;
  const std::map<std::string, std::string>& texts_;
  std::vector<std::string> keys_, problems_;
};

template <class Options>
std::vector<OptionInfo> option_infos(Options options) {
  OptionLister lister;
  options.visit(lister);
  return lister.take();
}

template <class Options>
Options with_options(std::string_view owner, const std::map<std::string, std::string>& texts) {
  Options options;
  const auto own_texts = with_own_names(texts, option_infos(options));
  OptionSetter setter(owner, own_texts);
  options.visit(setter);
  try {
    options.validate();
  } catch (const UsageError& error) {
    setter.note(error.problem());
  }
  setter.throw_if_any();
  return options;
}

}  // namespace thalweg
