// An assumption behind a promise, with what was measured of it.
#pragma once

#include <optional>
#include <string>

namespace thalweg {

enum class Status { pass, fail, unknown };

/// One assumption of a forecast or a certificate: what it says, what was measured, whether it
/// holds.
struct Assumption {
  std::string text;
  std::optional<double> measured;  ///< absent where nothing could be measured
  Status status = Status::unknown;
};

const char* to_string(Status status);

}  // namespace thalweg
