// thalweg methods [NAME]: what each method needs and promises, its options and its reference.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "exit_code.hpp"
#include "thalweg/method/registry.hpp"

namespace thalweg::cli {
namespace {

std::string one_line(const MethodInfo& method, std::size_t width) {
  return fmt::format("{:<{}}  {}\n", method.name, width, method.summary);
}

std::string lines_of(const std::vector<OptionInfo>& options) {
  std::string text;
  for (const OptionInfo& option : options)
    text += fmt::format("  {} = {}  ({})\n      {}\n", option.key, option.default_value,
                        option.type, option.meaning);
  return text;
}

std::string page(const MethodInfo& method) {
  std::string text =
      fmt::format("{}: {}\n  needs      {}\n  promises   {}\n  reference  {}\n", method.name,
                  method.summary, method.needs, method.promise, method.reference);
  if (!method.options.empty()) text += "options, as --option KEY=VALUE\n";
  text += lines_of(method.options);
  return text + "options that every method has\n" + lines_of(escape_option_infos());
}

nlohmann::ordered_json list_of(const std::vector<OptionInfo>& infos) {
  nlohmann::ordered_json options = nlohmann::ordered_json::array();
  for (const OptionInfo& option : infos)
    options.push_back({{"key", option.key},
                       {"type", option.type},
                       {"default", option.default_value},
                       {"meaning", option.meaning}});
  return options;
}

nlohmann::ordered_json object(const MethodInfo& method) {
  return {{"name", method.name},           {"summary", method.summary},
          {"needs", method.needs},         {"promise", method.promise},
          {"reference", method.reference}, {"options", list_of(method.options)}};
}

int list(const Invocation& invocation) {
  std::vector<const MethodInfo*> chosen;
  const auto name = invocation.words.find("NAME");
  if (name != invocation.words.end()) {
    chosen.push_back(&find_method(name->second.back()));
  } else {
    for (const MethodInfo& method : methods()) chosen.push_back(&method);
  }
  std::size_t width = 0;
  for (const MethodInfo* method : chosen) width = std::max(width, method->name.size());
  nlohmann::ordered_json json = {{"schema", "thalweg-methods/1"}};
  for (const MethodInfo* method : chosen) {
    invocation.console.result(name != invocation.words.end() ? page(*method)
                                                             : one_line(*method, width));
    json["methods"].push_back(object(*method));
  }
  json["common_options"] = list_of(escape_option_infos());
  invocation.console.object(json.dump(2) + "\n");
  return exit_success;
}

}  // namespace

Command methods_command() {
  return {.name = "methods",
          .summary = "the methods: what each needs, promises, its options and reference",
          .positionals = {{"NAME", "one of them, in full", false}},
          .options = output_options(),
          .run = list};
}

}  // namespace thalweg::cli
