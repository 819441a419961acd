// One declaration of a method's options serves the command line, the report, the documentation
// tables and the tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace thalweg {

/// Every Options struct has `void visit(OptionVisitor&)`, calling option() once per field with its
/// documented key, the field, and its meaning with range and origin of the default.
class OptionVisitor {
 public:
  virtual ~OptionVisitor() = default;
  virtual void option(std::string_view key, double& value, std::string_view meaning) = 0;
  virtual void option(std::string_view key, std::int64_t& value, std::string_view meaning) = 0;
  virtual void option(std::string_view key, bool& value, std::string_view meaning) = 0;
  /// One of `choices`; `value` is the index of the chosen one.
  virtual void choice(std::string_view key, int& value, const std::vector<std::string>& choices,
                      std::string_view meaning) = 0;

  template <class Enum>
  void option(std::string_view key, Enum& value, const std::vector<std::string>& choices,
              std::string_view meaning) {
    int index = static_cast<int>(value);
    choice(key, index, choices, meaning);
    value = static_cast<Enum>(index);
  }
};

}  // namespace thalweg
