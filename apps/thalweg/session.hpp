// The way of a run: problem -> preflight -> plan -> forecast -> run -> certificates -> report.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "console.hpp"
#include "problem.hpp"
#include "run_folder.hpp"
#include "thalweg/run/run.hpp"
#include "thalweg/session/session.hpp"

namespace thalweg::cli {

/// What a command was called with.
struct Invocation {
  Words words;
  std::vector<std::string> argv;
  Console console;
};

/// Everything known before the first step.
struct Session {
  Settings settings;
  Source source;  ///< of a table
  Problem problem;
  Vector start;
  report::Record record;  ///< manifest, data, problem, preflight, plan, forecast
};

/// What preflight may know of the problem besides what it computes; points into `problem`.
Subject subject_of(const Settings& settings, const Problem& problem);
/// Something left out of the data is worth a warning, the rest a note.
void announce_data(const Console& console, const std::vector<std::string>& notices);
/// Throws what RunFolder throws where the folder of --out could not be used.
void require_usable_folder(const Settings& settings);

/// Reads the settings and sets the threads. Throws UsageError naming every word that cannot be
/// used.
Settings begin(const Invocation& invocation);
/// Settings, then data, preflight, plan and forecast; nothing is written. `writes_folder`: the
/// command will write the output folder, so that one that cannot be used is refused at once.
Session prepare(const Invocation& invocation, bool writes_folder);
/// Prints notes and the page up to here.
void announce(const Console& console, const Session& session);

/// Trains or solves from the start, writes the folder, prints the results; returns the exit code.
int run_session(const Invocation& invocation, Session& session);
/// check and plan: prints the record, writes it where --out was given.
int show_session(const Invocation& invocation, const Session& session);
/// Goes on from the checkpoint of a folder; of a finished run it changes nothing.
int resume_session(const Invocation& invocation, const RunFolder& folder);

/// What a checkpoint remembers of the command line that began the run.
struct RunOrigin {
  Words words;
  std::string record;     ///< JSON, up to the forecast
  std::string data_hash;  ///< empty for a built-in problem
  bool finished = false;
};
/// Throws DataError where the folder holds no checkpoint of ours.
RunOrigin read_run_origin(const RunFolder& folder);

}  // namespace thalweg::cli
