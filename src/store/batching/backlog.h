#pragma once

#include <cstddef>
#include <memory>

#include "pg/connection.h"
#include "pg/error.h"

namespace djps::store {

/// What may have been accepted and not been answered yet. One that is larger by itself is let in
/// when there is nothing else.
struct BacklogLimits {
  std::size_t items_max = 50'000;       ///< Five of the largest batches.
  std::size_t bytes_max = 256U << 20U;  ///< Four of the largest batches.
};

/// Too much waits to be written. Nothing was done; it may be tried again in a second.
class OverloadedError : public pg::PgError {
 public:
  explicit OverloadedError(std::size_t items);
};

/// Counts what waits to be written, over all lines of a group commit, so that it has an end.
///
/// Thread-safety: everything on one single-threaded executor.
class Backlog {
 public:
  explicit Backlog(BacklogLimits limits = {}) : limits_(limits) {}

  /// What somebody takes up; given back when this goes.
  class Place {
   public:
    Place(std::shared_ptr<Backlog> backlog, std::size_t items, std::size_t bytes);
    Place(Place&& other) noexcept = default;
    Place& operator=(Place&& other) = delete;
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place();

   private:
    std::shared_ptr<Backlog> backlog_;
    std::size_t items_;
    std::size_t bytes_;
  };

  /// Throws OverloadedError.
  static Place Enter(const std::shared_ptr<Backlog>& backlog, std::size_t items, std::size_t bytes);

  std::size_t items() const { return items_; }
  std::size_t bytes() const { return bytes_; }

 private:
  BacklogLimits limits_;
  std::size_t items_ = 0;
  std::size_t bytes_ = 0;
};

/// Somebody's deadline has passed while it waited to be written, or while it was being written.
pg::PgError LateError(bool being_written);

/// Of an error of a batch: might the others be written without one of them?
bool MayBeOneCallersFault(const pg::PgError& error);

}  // namespace djps::store
