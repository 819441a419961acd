#include "thalweg/core/error.hpp"

#include <fmt/format.h>

namespace thalweg {
namespace {

std::string sentence(const std::string& problem, const std::string& where,
                     const std::string& remedy) {
  std::string text = where.empty() ? problem : where + ": " + problem;
  if (!remedy.empty()) text += "; " + remedy;
  return text;
}

}  // namespace

Error::Error(ErrorKind kind, std::string problem, std::string where, std::string remedy)
    : std::runtime_error(sentence(problem, where, remedy)),
      kind_(kind),
      problem_(std::move(problem)),
      where_(std::move(where)),
      remedy_(std::move(remedy)) {}

UsageError::UsageError(std::string problem, std::string remedy, std::string where)
    : Error(ErrorKind::usage, std::move(problem), std::move(where), std::move(remedy)) {}

DataError::DataError(std::string problem, std::string where, std::string remedy)
    : Error(ErrorKind::data, std::move(problem), std::move(where), std::move(remedy)) {}

RefusedError::RefusedError(std::string problem, std::string remedy, std::string where)
    : Error(ErrorKind::refused, std::move(problem), std::move(where), std::move(remedy)) {}

void OptionChecker::require(bool holds, std::string_view name, std::string_view must,
                            double value) {
  if (!holds) violations_.push_back(fmt::format("{} must {}, got {}", name, must, value));
}

void OptionChecker::require(bool holds, std::string_view sentence) {
  if (!holds) violations_.emplace_back(sentence);
}

void OptionChecker::throw_if_any() const {
  if (violations_.empty()) return;
  throw UsageError(fmt::format("{}", fmt::join(violations_, "; ")), {}, owner_);
}

}  // namespace thalweg
