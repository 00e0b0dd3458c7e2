#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "pg/pool.h"

namespace djps::store {

/// Tells workers in other processes that there are new jobs: after the commit, outside of it, and
/// for many at once. A NOTIFY inside each submission would make their commits wait for each other.
///
/// The first notification is sent at once, with the submission or after it; those of the next
/// millisecond are sent together. A lost notification only costs time: workers also poll.
///
/// Thread-safety: everything on one single-threaded executor.
class WorkSignal {
 public:
  explicit WorkSignal(pg::Pool& pool);
  ~WorkSignal();
  WorkSignal(const WorkSignal&) = delete;
  WorkSignal& operator=(const WorkSignal&) = delete;

  /// False while a notification is under way, and for a millisecond after each.
  bool quiet() const;

  /// While quiet: the notification to send right after a submission of due jobs, which saves a
  /// round trip. Empty for no queues. At other times Submitted sends it, after the commit.
  std::optional<pg::Call> NotifyCall(const std::set<std::string>& queues);

  /// Jobs of `queue` are committed and due.
  void Submitted(const std::string& queue);

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace djps::store
