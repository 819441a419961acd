// stdout carries results only; everything else goes to stderr.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "thalweg/core/error.hpp"
#include "thalweg/run/run.hpp"
#include "words.hpp"

namespace thalweg::cli {

class Console {
 public:
  Console() = default;
  explicit Console(const Words& words);

  bool json() const { return json_; }
  bool shows_progress() const;

  /// A part of the page of results; nothing under --json.
  void result(const std::string& text) const;
  /// The one JSON object of --json; nothing without.
  void object(const std::string& json) const;
  /// Bytes that are the result themselves, in both forms.
  void raw(const std::string& bytes) const;
  void note(const std::string& text) const;
  void warning(const std::string& text) const;
  /// error: FILE:ROW:COLUMN: what; remedy
  void error(const std::string& text) const;
  /// Diagnostics of -v.
  void detail(const std::string& text) const;

 private:
  bool json_ = false, quiet_ = false, progress_ = true;
};

/// A line on the terminal that is renewed, at most ten times a second.
class StatusLine {
 public:
  bool is_due() const;  ///< the last one was shown long enough ago
  void show(const std::string& line);
  void end();  ///< what follows begins on a new line

 private:
  std::chrono::steady_clock::time_point shown_{};
  std::size_t width_ = 0;
};

/// The line `step 23  loss 1.94e-02  ...  forecast left 15 steps` on a terminal.
class ProgressLine final : public Observer {
 public:
  explicit ProgressLine(std::optional<double> forecast_steps) : forecast_steps_(forecast_steps) {}
  void on_step(const Progress& progress) override;
  void on_end(const StopReason& reason) override;

 private:
  std::optional<double> forecast_steps_;
  StatusLine line_;
};

}  // namespace thalweg::cli
