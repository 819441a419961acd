// Errors are for misuse: wrong options, wrong data, a refused problem. Numerical trouble is never
// an exception, it is an Outcome (run/outcome.hpp).
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace thalweg {

/// What kind of misuse; the command line maps each to one exit code (2, 3, 4).
enum class ErrorKind { usage, data, refused };

/// The base of every exception thrown by thalweg. what() is "where: what; remedy" with empty parts
/// left out.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, std::string problem, std::string where, std::string remedy);

  ErrorKind kind() const { return kind_; }
  const std::string& problem() const { return problem_; }  ///< what is wrong
  const std::string& where() const {
    return where_;
  }  ///< FILE, FILE:ROW or FILE:ROW:COLUMN, option, or empty
  const std::string& remedy() const { return remedy_; }  ///< what to do about it, or empty

 private:
  ErrorKind kind_;
  std::string problem_, where_, remedy_;
};

/// Unknown option, method, key or column; value out of range.
class UsageError : public Error {
 public:
  explicit UsageError(std::string problem, std::string remedy = {}, std::string where = {});
};

/// Data or files that cannot be used. `where` is FILE, FILE:ROW or FILE:ROW:COLUMN (both 1-based,
/// the header is row 1).
class DataError : public Error {
 public:
  DataError(std::string problem, std::string where, std::string remedy = {});
};

/// Preflight refused: not enough memory, too few rows, a wrong gradient.
class RefusedError : public Error {
 public:
  explicit RefusedError(std::string problem, std::string remedy = {}, std::string where = {});
};

/// Collects every violated range of an options struct, so that all are reported at once.
class OptionChecker {
 public:
  explicit OptionChecker(std::string_view owner) : owner_(owner) {}
  /// Notes "name must ..., got value" unless `holds`.
  void require(bool holds, std::string_view name, std::string_view must, double value);
  void require(bool holds, std::string_view sentence);
  /// Throws one UsageError with all violations; does nothing when there are none.
  void throw_if_any() const;

 private:
  std::string owner_;
  std::vector<std::string> violations_;
};

}  // namespace thalweg
