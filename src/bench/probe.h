#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "bench/settings.h"
#include "djps/result.h"
#include "pg/session.h"

namespace djps::bench {

/// The benchmark's own queries, in plain SQL on a separate connection: none is a statement of the
/// product. Its calls throw pg::PgError.
class Probe {
 public:
  explicit Probe(const std::string& conninfo);

  /// Makes sure that the queue is the benchmark's alone, and removes what an earlier one left in
  /// it.
  ///
  /// Errors: kConflict when there are other jobs in it, or a benchmark runs.
  Result<void> TakeQueue();

  /// The bytes of WAL written since the last call, including those of other sessions.
  std::uint64_t LogBytes();

  /// Whether a job is waiting or running in the queue.
  bool Busy();

  struct Counts {
    std::uint64_t submitted = 0;
    std::uint64_t succeeded = 0;
    std::uint64_t unfinished = 0;
  };
  /// Of the jobs that were submitted since this object was made.
  Counts CountJobs();

  /// Removes these jobs with all their data; none may be running.
  void RemoveJobs();

  std::optional<std::uint64_t> ServerMemory();

  /// The server's version and the settings that affect results.
  std::string Version();
  boost::json::object Settings();

 private:
  pg::Session session_;
  std::string began_;   ///< On the database's clock.
  std::string log_at_;  ///< Where the log ended at the last call.
};

/// A transaction that stays open during its lifetime, and so keeps vacuum from removing rows.
class HeldTransaction {
 public:
  HeldTransaction(const std::string& conninfo, Hold hold);

 private:
  std::optional<pg::Session> session_;
};

}  // namespace djps::bench
