#include "thalweg/certify/certificate.hpp"

namespace thalweg {

const char* to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::holds: return "holds";
    case Verdict::refuted: return "refuted";
    case Verdict::undecided: break;
  }
  return "undecided";
}

}  // namespace thalweg
