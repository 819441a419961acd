#include "interrupt.hpp"

#include <csignal>

namespace thalweg::cli {
namespace {

StopToken token;  // a signal handler can reach nothing else

void request_stop(int) { token.request(); }

}  // namespace

const StopToken& watch_interrupts() {
  struct sigaction action {};
  action.sa_handler = request_stop;
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
  return token;
}

}  // namespace thalweg::cli
