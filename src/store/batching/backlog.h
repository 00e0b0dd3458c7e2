#pragma once

#include <cstddef>
#include <memory>

#include "pg/connection.h"
#include "pg/error.h"

namespace djps::store {

/// The limits of what is accepted and not answered yet. A single larger call is accepted when
/// nothing else waits.
struct BacklogLimits {
  std::size_t items_max = 50'000;       ///< Five of the largest batches.
  std::size_t bytes_max = 256U << 20U;  ///< Four of the largest batches.
};

/// Too much waits to be written. Nothing was changed; the caller may try again in a second.
class OverloadedError : public pg::PgError {
 public:
  explicit OverloadedError(std::size_t items);
};

/// Counts what waits to be written, over all lines of a group commit, so that it is bounded.
///
/// Thread-safety: everything on one single-threaded executor.
class Backlog {
 public:
  explicit Backlog(BacklogLimits limits = {}) : limits_(limits) {}

  /// The share of one caller; released by the destructor.
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

/// The deadline of a caller passed while it waited to be written, or while it was being written.
pg::PgError LateError(bool being_written);

/// Whether, after this error of a batch, the batch without one caller might succeed.
bool MayBeOneCallersFault(const pg::PgError& error);

}  // namespace djps::store
