#include "thalweg/core/assumption.hpp"

namespace thalweg {

const char* to_string(Status status) {
  switch (status) {
    case Status::pass: return "pass";
    case Status::fail: return "fail";
    case Status::unknown: break;
  }
  return "unknown";
}

}  // namespace thalweg
