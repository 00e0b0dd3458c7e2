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

/// What a running handler has said and nobody has sent yet. Bounded: of what was not sent the last
/// progress, the last checkpoint and the last 1,000 lines stay.
///
/// Thread-safety: Note* may be called from any thread; this is one of the few places where a
/// handler's thread and the I/O thread meet. Take belongs to the I/O thread.
class JobNotes {
 public:
  /// `wake` is called, on the thread of the handler, when there is something to be sent again.
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
