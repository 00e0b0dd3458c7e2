#include "cli/frame/interrupts.h"

#include <ctime>

namespace djps::cli {

Interrupts::Interrupts() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals_, &before_);
}

Interrupts::~Interrupts() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

bool Interrupts::Asked() {
  const timespec at_once{};
  return sigtimedwait(&signals_, nullptr, &at_once) > 0;
}

}  // namespace djps::cli
