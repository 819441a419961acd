// Ctrl-C and SIGTERM as a stop token.
#pragma once

#include "thalweg/core/stop_token.hpp"

namespace thalweg::cli {

/// From now on the first of these signals requests a stop; a second one ends the process.
const StopToken& watch_interrupts();

}  // namespace thalweg::cli
