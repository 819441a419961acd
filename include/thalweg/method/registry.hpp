// The methods by name: what each needs and promises, its options, and how to make one.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "thalweg/run/method.hpp"
#include "thalweg/run/option_visitor.hpp"

namespace thalweg {

struct OptionInfo {
  std::string key, type, default_value,
      meaning;  ///< type: number, integer, true|false, or the choices a|b|c
};

struct MethodInfo {
  std::string name, summary, needs, promise, reference;
  bool needs_composite = false;  ///< works on outputs and Jacobian; others need gradients only
  bool needs_margins = false;    ///< works on a linear model with a MarginLoss only
  bool needs_samples = false;    ///< works on a FiniteSum only, with its default options
  bool sampled = false;          ///< has the options of method/sampled.hpp
  std::vector<OptionInfo> options;
  /// Makes the method; throws UsageError listing the valid keys for an unknown one, and every
  /// violated range at once.
  std::function<std::unique_ptr<Method>(const std::map<std::string, std::string>& options)> make;
  /// All options with the values used, after `options` have been applied.
  std::function<std::map<std::string, std::string>(
      const std::map<std::string, std::string>& options)>
      used_options;
};

/// The options that every method has besides its own: those of method/escape.hpp.
const std::vector<OptionInfo>& escape_option_infos();
/// Whether these options wrap a method into Escaping.
bool escapes(const std::map<std::string, std::string>& options);

/// Whether the method ends by itself at points of second order: perturbed, restarted,
/// negative-curvature, and tamed in its perturbed form.
bool leaves_saddles(const std::string& method, const std::map<std::string, std::string>& options);

/// Whether the method itself, not escape, has an option of this name.
bool has_own_option(const MethodInfo& method, const std::string& key);

/// Whether an option of the method has this name; `eta` and `stepsize` are two names of one.
bool has_option(const MethodInfo& method, const std::string& key);

const std::vector<MethodInfo>& methods();
/// Throws UsageError that lists the names.
const MethodInfo& find_method(const std::string& name);

}  // namespace thalweg
