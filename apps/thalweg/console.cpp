#include "console.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace thalweg::cli {
namespace {

constexpr std::chrono::milliseconds renewal{100};

bool on_terminal() { return isatty(STDERR_FILENO) != 0; }

bool colours() {
  const char* no_color = std::getenv("NO_COLOR");  // https://no-color.org
  return on_terminal() && (no_color == nullptr || *no_color == '\0');
}

void write(std::FILE* stream, const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stream);
  std::fflush(stream);
}

/// Label in colour where the terminal wants it.
std::string label(const char* word, const char* colour) {
  return colours() ? fmt::format("\x1b[{}m{}:\x1b[0m ", colour, word) : fmt::format("{}: ", word);
}

}  // namespace

Console::Console(const Words& words)
    : json_(words.contains("json")),
      quiet_(words.contains("quiet")),
      progress_(!words.contains("no-progress")) {
  auto logger = std::make_shared<spdlog::logger>("thalweg",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("[%H:%M:%S.%e] %v");
  logger->set_level(words.contains("verbose") ? spdlog::level::info : spdlog::level::off);
  spdlog::set_default_logger(std::move(logger));
}

bool Console::shows_progress() const { return progress_ && !quiet_ && on_terminal(); }

void Console::result(const std::string& text) const {
  if (!json_) write(stdout, text);
}

void Console::object(const std::string& json) const {
  if (json_) write(stdout, json);
}

void Console::raw(const std::string& bytes) const { write(stdout, bytes); }

void Console::note(const std::string& text) const {
  if (!quiet_) write(stderr, text + "\n");
}

void Console::warning(const std::string& text) const {
  if (!quiet_) write(stderr, label("warning", "33") + text + "\n");
}

void Console::error(const std::string& text) const {
  write(stderr, label("error", "31") + text + "\n");
}

void Console::detail(const std::string& text) const { spdlog::info("{}", text); }

bool StatusLine::is_due() const { return std::chrono::steady_clock::now() - shown_ >= renewal; }

void StatusLine::show(const std::string& line) {
  shown_ = std::chrono::steady_clock::now();
  const std::size_t blanks = width_ > line.size() ? width_ - line.size() : 0;
  width_ = line.size();
  write(stderr, fmt::format("\r{}{}", line, std::string(blanks, ' ')));
}

void StatusLine::end() {
  if (width_ > 0) write(stderr, "\n");
  width_ = 0;
}

void ProgressLine::on_step(const Progress& progress) {
  if (!line_.is_due()) return;
  const StepRecord& record = progress.record;
  std::string line = fmt::format("step {:>6}  loss {:.3e}", record.iteration, record.value);
  if (record.validation) line += fmt::format("  validation {:.3e}", *record.validation);
  if (record.damping) line += fmt::format("  damping {:.1e}", *record.damping);
  if (forecast_steps_) {
    const double left = std::max(0.0, *forecast_steps_ - static_cast<double>(record.iteration));
    line += fmt::format("  forecast left {:.0f} steps", left);
  }
  line_.show(line);
}

void ProgressLine::on_end(const StopReason&) { line_.end(); }

}  // namespace thalweg::cli
