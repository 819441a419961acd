// thalweg: the command line. Parses, dispatches, and turns every error into one line and one exit
// code.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <new>
#include <optional>

#include "commands.hpp"
#include "exit_code.hpp"

namespace {

using namespace thalweg;
using namespace thalweg::cli;

std::vector<Command> all_commands() {
  return {train_command(),   check_command(),   plan_command(),   compare_command(),
          predict_command(), certify_command(), resume_command(), report_command(),
          solve_command(),   methods_command()};
}

std::string dashed(const OptionSpec& option) {
  const std::size_t comma = option.name.find(',');
  if (comma == std::string::npos) return "--" + option.name;
  return "-" + option.name.substr(0, comma) + ",--" + option.key();
}

/// Lets the parser put what it finds for the command into `words`.
void add_command(CLI::App& app, const Command& command, Words& words) {
  CLI::App* sub = app.add_subcommand(command.name, command.summary);
  for (const Positional& positional : command.positionals)
    sub->add_option(positional.name, words[positional.name], positional.meaning)
        ->required(positional.required)
        ->expected(1)
        ->allow_extra_args(false)
        ->type_name("");
  for (const OptionSpec& option : command.options) {
    if (option.value.empty()) {
      sub->add_flag_callback(
          dashed(option), [&words, key = option.key()] { words[key] = {"true"}; }, option.meaning);
      continue;
    }
    sub->add_option(dashed(option), words[option.key()], option.meaning)
        ->type_name(option.value)
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)  // counted in refuse_repeated
        ->allow_extra_args(false);
  }
}

void remove_absent(Words& words) {
  std::erase_if(words, [](const auto& entry) { return entry.second.empty(); });
}

void refuse_repeated(const Command& command, const Words& words) {
  for (const OptionSpec& option : command.options) {
    const auto given = words.find(option.key());
    if (option.repeatable || given == words.end() || given->second.size() < 2) continue;
    throw UsageError(fmt::format("--{} was given {} times", option.key(), given->second.size()),
                     "give it once; several columns are separated by commas");
  }
}

int fail(const Console& console, int code, const Error& error) {
  console.error(error.what());
  console.object(report::error_json(code, error));
  return code;
}

/// Runs the command; every way to fail ends in one error line and one exit code.
int run_command(const Command& command, Invocation& invocation) {
  try {
    refuse_repeated(command, invocation.words);
    if (const auto config = invocation.words.find("config"); config != invocation.words.end())
      merge_config(std::string(config->second.back()), command.options, invocation.words);
    invocation.console = Console(invocation.words);
    const int code = command.run(invocation);
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
      throw DataError("cannot be written", "stdout", "give it room, or write to another place");
    return code;
  } catch (const Error& error) {
    return fail(invocation.console, exit_code(error), error);
  } catch (const std::bad_alloc&) {
    return fail(invocation.console, exit_refused,
                RefusedError("the memory does not suffice",
                             "take fewer rows or columns, or a smaller --model"));
  } catch (const std::filesystem::filesystem_error& error) {
    return fail(invocation.console, exit_data,
                DataError(error.code().message(), error.path1().string(), "give another path"));
  } catch (const std::exception& error) {
    return fail(invocation.console, exit_failed,
                UsageError(fmt::format("internal error: {}", error.what()),
                           "this is a bug: please report it with the command line"));
  }
}

/// The first word that is no option, where it names no command.
std::optional<std::string> unknown_command(const std::vector<Command>& commands,
                                           const std::vector<std::string>& argv) {
  const auto word = std::find_if(argv.begin() + 1, argv.end(),
                                 [](const std::string& w) { return !w.starts_with('-'); });
  if (word == argv.end()) return std::nullopt;
  const bool known = std::any_of(commands.begin(), commands.end(),
                                 [&](const Command& c) { return c.name == *word; });
  return known ? std::nullopt : std::optional(*word);
}

std::vector<std::string> names_of(const std::vector<Command>& commands) {
  std::vector<std::string> names;
  for (const Command& command : commands) names.push_back(command.name);
  return names;
}

/// A word on the command line that cannot be understood.
UsageError usage_error(const CLI::App& app, const CLI::ParseError& problem,
                       const std::vector<Command>& commands, const std::vector<std::string>& argv) {
  const auto chosen = app.get_subcommands();
  if (!chosen.empty()) {
    std::string what = problem.what();
    std::replace(what.begin(), what.end(), '\n', ' ');
    return UsageError(what, fmt::format("see thalweg {} --help", chosen[0]->get_name()));
  }
  const std::string list = fmt::format("the commands are {}", fmt::join(names_of(commands), ", "));
  if (const auto word = unknown_command(commands, argv))
    return UsageError(fmt::format("unknown command \"{}\"", *word), list);
  return UsageError(problem.what(), list + "; see thalweg --help");
}

}  // namespace

int main(int argc, char** argv) {
  Invocation invocation;
  invocation.argv.assign(argv, argv + argc);
  const bool json =
      std::find(invocation.argv.begin(), invocation.argv.end(), "--json") != invocation.argv.end();
  invocation.console = Console(json ? Words{{"json", {"true"}}} : Words{});

  CLI::App app("thalweg: training with promises. Forecast before, trace during, certificate after.",
               "thalweg");
  app.set_version_flag("--version", "thalweg " + report::version());
  app.require_subcommand(1);
  const std::vector<Command> commands = all_commands();
  for (const Command& command : commands) add_command(app, command, invocation.words);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    if (problem.get_exit_code() == 0) return app.exit(problem);  // --help, --version
    return fail(invocation.console, exit_usage,
                usage_error(app, problem, commands, invocation.argv));
  }
  remove_absent(invocation.words);
  const std::string name = app.get_subcommands().front()->get_name();
  const auto command = std::find_if(commands.begin(), commands.end(),
                                    [&](const Command& c) { return c.name == name; });
  return run_command(*command, invocation);
}
