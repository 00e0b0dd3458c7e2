#pragma once

#include <csignal>

namespace djps::cli {

/// During its lifetime, Ctrl-C (SIGINT) and SIGTERM do not end the process. A command that works in
/// many small steps polls for them between two steps.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  /// Whether a signal has come; each signal is reported once.
  bool Asked();

 private:
  sigset_t signals_{};
  sigset_t before_{};
};

}  // namespace djps::cli
