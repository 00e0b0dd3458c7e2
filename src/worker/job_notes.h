#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "djps/worker.h"
#include "store/progress_store.h"

namespace djps::worker {

/// The reports of a running handler that have not been sent. Bounded: keeps the last progress, the
/// last checkpoint and the last 1,000 lines.
///
/// Thread-safety: Note* may be called from any thread; this is one of the few places that a
/// handler's thread and the I/O thread share. Take belongs to the I/O thread.
class JobNotes {
 public:
  /// `wake` is called on the handler's thread when there is something new to send.
  JobNotes(Uuid lease, Uuid job, std::function<void()> wake);

  void NoteProgress(double percent, std::string_view message);
  void NoteCheckpoint(std::string json);
  void NoteLine(LogLevel level, std::string_view message);

  struct Unsent {
    Uuid lease;
    Uuid job;
    std::optional<store::JobProgress> progress = {};
    std::vector<store::LogLine> lines = {};
    bool empty() const { return !progress && lines.empty(); }
  };
  Unsent Take();

 private:
  template <typename Change>
  void Add(Change change);

  const std::function<void()> wake_;
  std::mutex mutex_;
  Unsent unsent_;  // guarded by mutex_
};

}  // namespace djps::worker
