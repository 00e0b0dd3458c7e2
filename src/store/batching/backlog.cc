#include "store/batching/backlog.h"

#include <fmt/format.h>

#include <utility>

namespace djps::store {
namespace {

/// configuration_limit_exceeded, of the class "insufficient resources": PgError::unavailable().
constexpr std::string_view kLimitExceeded = "53400";

}  // namespace

OverloadedError::OverloadedError(std::size_t items)
    : PgError(kLimitExceeded,
              fmt::format("{} jobs wait to be written already; try again soon", items)) {}

Backlog::Place::Place(std::shared_ptr<Backlog> backlog, std::size_t items, std::size_t bytes)
    : backlog_(std::move(backlog)), items_(items), bytes_(bytes) {
  backlog_->items_ += items_;
  backlog_->bytes_ += bytes_;
}

Backlog::Place::~Place() {
  if (!backlog_) return;
  backlog_->items_ -= items_;
  backlog_->bytes_ -= bytes_;
}

Backlog::Place Backlog::Enter(const std::shared_ptr<Backlog>& backlog, std::size_t items,
                              std::size_t bytes) {
  const BacklogLimits& limits = backlog->limits_;
  const bool fits =
      backlog->items_ + items <= limits.items_max && backlog->bytes_ + bytes <= limits.bytes_max;
  if (!fits && backlog->items_ > 0) throw OverloadedError(backlog->items_);
  return Place(backlog, items, bytes);
}

pg::PgError LateError(bool being_written) {
  if (being_written) return {pg::kQueryCanceled, "Postgres did not answer in time", true};
  return {pg::kQueryCanceled, "waited too long for its turn to be written"};
}

bool MayBeOneCallersFault(const pg::PgError& error) {
  if (error.outcome_unknown()) return false;
  // A key that another transaction holds concerns one caller only.
  return !error.unavailable() || error.sqlstate() == pg::kLockNotAvailable;
}

}  // namespace djps::store
