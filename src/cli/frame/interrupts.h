#pragma once

#include <csignal>

namespace djps::cli {

/// While it lives, Ctrl-C (SIGINT) and SIGTERM do not end the process but wait to be asked for: for
/// commands that do many small things and stop between two of them.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  /// Has one come? Each is told once.
  bool Asked();

 private:
  sigset_t signals_{};
  sigset_t before_{};
};

}  // namespace djps::cli
