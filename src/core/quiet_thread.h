#pragma once

#include <pthread.h>

#include <csignal>
#include <thread>
#include <utility>

namespace djps {

/// Starts a thread on which no signal is delivered, since signals belong to the program. Throws
/// std::system_error if no thread can be started.
template <typename Work>
std::thread ThreadWithoutSignals(Work work) {
  struct Blocked {
    Blocked() {
      sigset_t all;
      sigfillset(&all);
      pthread_sigmask(SIG_SETMASK, &all, &before);
    }
    ~Blocked() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }
    sigset_t before{};
  };
  const Blocked blocked;  // the new thread inherits the mask
  return std::thread(std::move(work));
}

}  // namespace djps
