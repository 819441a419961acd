// The section of a comparison as a table, and its runs as CSV.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "thalweg/report/report.hpp"
#include "words.hpp"

namespace thalweg::report {
namespace {

std::string whole(double samples) { return fmt::format("{:.0f}", samples); }

std::string median(const std::optional<Spread>& spread) {
  return spread ? number(spread->median) : "-";
}

std::string tuned(const TuningSection& tuning) {
  if (tuning.option.empty()) return tuning.because;
  const std::string value =
      fmt::format("{} {:.3g}", tuning.option, tuning.chosen.value_or(tuning.planned.value_or(0)));
  if (tuning.trials == 0) return fmt::format("{}, {}", value, tuning.because);
  const double factor = tuning.chosen.value_or(0) / tuning.planned.value_or(1);
  return fmt::format("{}, {:.2g} times the plan's{} ({}, {} samples)", value, factor,
                     tuning.at_edge ? ", at the edge of the search" : "",
                     plural(tuning.trials, "run", "runs"), tuning.samples);
}

/// One column of the table: its head, and what it says of a method.
struct Column {
  std::string head;
  std::vector<std::string> cells;
};

std::vector<Column> columns_of(const ComparisonSection& comparison) {
  std::vector<Column> columns;
  const auto add = [&](std::string head, auto cell) {
    Column column{std::move(head), {}};
    for (const ComparedMethod& method : comparison.methods) column.cells.push_back(cell(method));
    const bool says_something = std::ranges::any_of(
        column.cells, [](const std::string& text) { return !text.empty() && text != "-"; });
    if (says_something) columns.push_back(std::move(column));
  };
  // R2 of a regression, accuracy of classes.
  const auto score = [&](const char* rows) {
    const bool regression = std::ranges::any_of(comparison.methods, [](const ComparedMethod& m) {
      return std::ranges::any_of(m.runs, [](const ComparedRun& r) {
        return (r.validation && r.validation->metrics.r2) || (r.test && r.test->metrics.r2);
      });
    });
    return fmt::format("{} {}", rows, regression ? "R2" : "accuracy");
  };
  const auto rank_of = [&](const ComparedMethod& method) {
    const auto ranked = std::ranges::find(comparison.ranking, method.method, &RankedMethod::method);
    return ranked == comparison.ranking.end() ? "-" : fmt::format("{}", ranked->rank);
  };
  add("method", [](const ComparedMethod& m) { return m.method; });
  add("rank", rank_of);
  add("value", [](const ComparedMethod& m) {
    return m.value ? fmt::format("{:.4g}", m.value->median) : "-";
  });
  add("quartiles", [](const ComparedMethod& m) {
    return m.value
               ? fmt::format("{:.4g} .. {:.4g}", m.value->lower_quartile, m.value->upper_quartile)
               : "-";
  });
  add("gradient", [](const ComparedMethod& m) { return median(m.gradient_norm); });
  add("to target", [](const ComparedMethod& m) {
    return m.samples_to_target ? whole(*m.samples_to_target) : "-";
  });
  add("validation", [](const ComparedMethod& m) { return median(m.validation_loss); });
  add(score("its"), [](const ComparedMethod& m) { return median(m.validation_score); });
  add("test", [](const ComparedMethod& m) { return median(m.test_loss); });
  add(score("its"), [](const ComparedMethod& m) { return median(m.test_score); });
  add("seconds", [](const ComparedMethod& m) { return median(m.seconds); });
  add("diverged", [](const ComparedMethod& m) {
    return m.diverged > 0 ? fmt::format("{} of {}", m.diverged, m.runs.size()) : "";
  });
  add("stepsize", [](const ComparedMethod& m) { return tuned(m.tuning); });
  return columns;
}

std::string table_of(const ComparisonSection& comparison) {
  const std::vector<Column> columns = columns_of(comparison);
  std::vector<std::string> lines(comparison.methods.size() + 1);
  for (const Column& column : columns) {
    const std::size_t width = std::max(
        column.head.size(), width_of(column.cells, [](const std::string& text) { return text; }));
    const auto put = [&](std::string& line, const std::string& text) {
      line += fmt::format("  {:<{}}", text, width);
    };
    put(lines.front(), column.head);
    for (std::size_t i = 0; i < column.cells.size(); ++i) put(lines[i + 1], column.cells[i]);
  }
  std::string text;
  for (std::string& line : lines) {
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string describe_target(const ComparisonSection& comparison) {
  if (!comparison.target) return {};
  return fmt::format("target: value {:.4g}, {}; \"to target\" counts samples\n", *comparison.target,
                     comparison.target_given
                         ? "as given"
                         : "the largest median of the methods that came below the start");
}

using Pairs = std::set<std::pair<std::size_t, std::size_t>>;  // places in the ranking, in order

Pairs pairs_not_apart(const std::vector<RankedMethod>& ranking) {
  Pairs pairs;
  for (std::size_t i = 0; i < ranking.size(); ++i)
    for (std::size_t j = i + 1; j < ranking.size(); ++j) {
      const auto& others = ranking[i].not_distinguishable_from;
      if (std::ranges::find(others, ranking[j].method) != others.end()) pairs.emplace(i, j);
    }
  return pairs;
}

// Groups without a verdict between any two of them, so many that every such pair is in one.
std::vector<std::vector<std::string>> groups_not_apart(const std::vector<RankedMethod>& ranking) {
  const Pairs pairs = pairs_not_apart(ranking);
  Pairs left = pairs;
  std::vector<std::vector<std::string>> groups;
  while (!left.empty()) {
    std::vector<std::size_t> group = {left.begin()->first, left.begin()->second};
    for (std::size_t k = group.front() + 1; k < ranking.size(); ++k) {
      const bool fits = std::ranges::all_of(
          group, [&](std::size_t i) { return pairs.contains(std::minmax(i, k)); });
      if (fits) group.push_back(k);
    }
    std::ranges::sort(group);
    std::vector<std::string> names;
    for (const std::size_t i : group) {
      names.push_back(ranking[i].method);
      for (const std::size_t j : group) left.erase({i, j});
    }
    groups.push_back(std::move(names));
  }
  return groups;
}

std::string describe_ranking(const ComparisonSection& comparison) {
  if (comparison.ranking.empty()) return {};
  const RankedMethod& first = comparison.ranking.front();
  const char* verdict = "";
  if (comparison.seeds.size() < least_seeds_for_a_verdict)
    verdict = ", but so few seeds say nothing about the spread";
  else if (first.not_distinguishable_from.empty())
    verdict = ", distinguishable from all others";
  std::string text = fmt::format("lowest: {}{}\n", first.method, verdict);
  for (const auto& group : groups_not_apart(comparison.ranking))
    text += fmt::format("not distinguishable: {}\n", fmt::join(group, ", "));
  return text;
}

std::string text_of(const std::optional<double>& value) {
  return value ? fmt::format("{}", *value) : std::string();
}

std::optional<double> loss_of(const std::optional<HeldBackResult>& rows) {
  return rows ? std::optional(rows->loss) : std::nullopt;
}

}  // namespace

std::string describe_comparison(const ComparisonSection& comparison) {
  std::string text =
      fmt::format("comparison: {}, {} samples per run, {}{}\n",
                  plural(static_cast<Index>(comparison.methods.size()), "method", "methods"),
                  comparison.samples,
                  comparison.seeds.empty()
                      ? std::string("no seed finished")
                      : fmt::format("{} {}", comparison.seeds.size() == 1 ? "seed" : "seeds",
                                    fmt::join(comparison.seeds, ", ")),
                  comparison.interrupted ? " (interrupted)" : "");
  text += describe_decisions(comparison.decisions);
  const bool tuned = std::ranges::any_of(
      comparison.methods, [](const ComparedMethod& m) { return m.tuning.trials > 0; });
  if (tuned)
    text += fmt::format("  because  stepsizes: the best of {} each on seed {}, none of the above\n",
                        plural(comparison.tuning_trials, "run", "runs"), comparison.tuning_seed);
  text += table_of(comparison);
  return text + describe_target(comparison) + describe_ranking(comparison);
}

std::string comparison_csv(const ComparisonSection& comparison) {
  std::string text =
      "method,seed,steps,samples,value,gradient_norm,samples_to_target,validation,test,seconds,"
      "outcome\n";
  for (const ComparedMethod& method : comparison.methods)
    for (const ComparedRun& run : method.runs)
      text += fmt::format(
          "{},{},{},{},{},{},{},{},{},{},{}\n", method.method, run.seed, run.steps, run.samples,
          run.value, text_of(run.gradient_norm),
          run.samples_to_target ? fmt::format("{}", *run.samples_to_target) : std::string(),
          text_of(loss_of(run.validation)), text_of(loss_of(run.test)), run.seconds,
          to_string(run.outcome));
  return text;
}

}  // namespace thalweg::report
