#include "store/claims/claim_fetcher.h"

#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "core/ids.h"
#include "store/statements.h"

namespace djps::store {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// Shorter than the server's own limit.
constexpr milliseconds kSweepTimeout{25'000};
constexpr milliseconds kSaveTimeout{10'000};

pg::Params LookParams(const std::string& queue, const std::vector<std::string>& types,
                      const QueueQuestion& question) {
  using Range = QueueQuestion::Range;
  const auto& ranges = question.ranges;
  pg::Params params;
  params.Add(kLane).Add(queue);
  params.AddArray(types, [](const std::string& type) { return std::string_view(type); });
  params.AddArray(ranges, [](const Range& range) { return range.priority; });
  params.AddArray(ranges, [](const Range& range) { return range.from.at; });
  params.AddArray(ranges, [](const Range& range) { return range.from.id; });
  params.AddArray(ranges, [](const Range& range) { return range.until.at; });
  params.AddArray(ranges, [](const Range& range) { return range.until.id; });
  params.AddArray(question.gaps, [](const auto& gap) { return std::int32_t{gap.first}; });
  params.AddArray(question.gaps, [](const auto& gap) { return std::int32_t{gap.second}; });
  params.Add(question.due).Add(static_cast<std::int32_t>(question.levels));
  return params;
}

QueueWriters ReadWriters(const pg::Rows& rows) {
  namespace columns = sql::list_writers;
  QueueWriters list;
  for (const pg::Row row : rows) {
    list.now = row.Get(columns::kAt);
    list.server = row.Get(columns::kServer);
    if (auto writer = row.Find(columns::kWriter)) {
      list.writers.push_back({*std::move(writer), row.Find(columns::kBegan)});
    }
  }
  return list;
}

QueueAnswer ReadAnswer(const pg::Rows& rows) {
  namespace columns = sql::look_at_queue;
  QueueAnswer answer;
  for (const pg::Row row : rows) {
    const auto which = row.Get(columns::kWhich);
    if (row.Get(columns::kKind) == "level") {
      answer.new_levels.push_back(static_cast<std::int16_t>(which));
    } else {
      answer.left.push_back(
          {static_cast<std::size_t>(which) - 1, {row.Get(columns::kAt), row.Get(columns::kId)}});
    }
  }
  return answer;
}

SavedCursor ReadSaved(const pg::Rows& rows) {
  namespace columns = sql::load_claim_cursor;
  SavedCursor saved;
  for (const pg::Row row : rows) {
    saved.server = row.Get(columns::kServer);
    saved.looked_at = row.Get(columns::kLookedAt);
    if (const auto priority = row.Find(columns::kPriority)) {
      saved.floors.push_back({*priority, {row.Get(columns::kFloorAt), row.Get(columns::kFloorId)}});
    }
    if (const auto writer = row.Find(columns::kWriter)) {
      saved.writers.emplace(*writer, row.Get(columns::kWriterFrom));
    }
  }
  return saved;
}

/// Work beside the claims has failed, which has no other effect; the claims report errors of the
/// database.
void Forget(const std::exception_ptr& error) {
  try {
    if (error) std::rethrow_exception(error);
  } catch (const pg::PgError& why) {
    spdlog::debug("beside the claims: {}", why.what());
  }
}

}  // namespace

ClaimFetcher::ClaimFetcher(const LeasePools& pools, std::string queue,
                           std::vector<std::string> types, LookPace pace)
    : pools_(pools),
      queue_(std::move(queue)),
      types_(std::move(types)),
      pace_(pace),
      cursor_(pace),
      looked_(pools.claims.executor(), steady_clock::time_point::max()),
      save_at_(steady_clock::now() + pace.save) {}

asio::awaitable<QueueAnswer> ClaimFetcher::Ask(pg::Pool& pool, const QueueQuestion& question,
                                               pg::Deadline deadline) const {
  co_return ReadAnswer(
      co_await pool.Execute(sql::kLookAtQueue, LookParams(queue_, types_, question), deadline));
}

asio::awaitable<void> ClaimFetcher::RunLook(Shared self, pg::Pool& pool, pg::Deadline deadline) {
  // Also where this throws or is destroyed.
  const std::shared_ptr<void> end(nullptr, [self](void*) {
    self->looking_ = false;
    self->looked_.cancel();
  });
  if (!self->cursor_.looked()) co_await self->Restore(pool, deadline);
  const auto asked = steady_clock::now();
  // Must end before the second half begins, which must see the rows of transactions that are not in
  // the list any more.
  const pg::Rows writers = co_await pool.Execute(sql::kListWriters, {}, deadline);
  const QueueQuestion question =
      self->cursor_.Ask(ReadWriters(writers), asked, steady_clock::now());
  const QueueAnswer answer = co_await self->Ask(pool, question, deadline);
  if (self->cursor_.Answered(answer, steady_clock::now())) ++self->news_;
  self->SaveBeside();
}

asio::awaitable<void> ClaimFetcher::Look(pg::Deadline deadline) {
  if (std::exchange(looking_, true)) {
    co_await looked_.async_wait(asio::as_tuple(asio::use_awaitable));
  } else {
    // Uses the connection of claims: a claim has just returned nothing, and no outcomes are in
    // front.
    co_await RunLook(shared_from_this(), pools_.claims, deadline);
  }
}

void ClaimFetcher::KeepUp(pg::Deadline deadline) {
  const auto now = steady_clock::now();
  const asio::any_io_executor executor = pools_.claims.executor();
  if (cursor_.WantsLook(now) && !std::exchange(looking_, true)) {
    asio::co_spawn(executor, RunLook(shared_from_this(), pools_.outcomes, deadline), Forget);
  }
  if (cursor_.WantsSweep(now) && !std::exchange(sweeping_, true)) {
    asio::co_spawn(executor, RunSweep(shared_from_this()), Forget);
  }
}

asio::awaitable<void> ClaimFetcher::RunSweep(Shared self) {
  const std::shared_ptr<void> end(nullptr, [self](void*) { self->sweeping_ = false; });
  const auto begun = steady_clock::now();
  const QueueQuestion question = self->cursor_.AskSweep();
  try {
    const QueueAnswer answer =
        co_await self->Ask(self->pools_.slow, question, pg::After(kSweepTimeout));
    if (self->cursor_.Swept(answer, begun, steady_clock::now())) ++self->news_;
  } catch (const pg::PgError& error) {
    self->cursor_.SweepFailed(begun, steady_clock::now());
    Forget(std::make_exception_ptr(error));
  }
}

asio::awaitable<void> ClaimFetcher::Restore(pg::Pool& pool, pg::Deadline deadline) {
  pg::Params params;
  params.Add(kLane).Add(queue_);
  params.AddArray(types_, [](const std::string& type) { return std::string_view(type); });
  try {
    const pg::Rows rows = co_await pool.Execute(sql::kLoadClaimCursor, std::move(params), deadline);
    if (rows.size() > 0) cursor_.Restore(ReadSaved(rows), steady_clock::now());
  } catch (const pg::PgError& error) {
    // It is a hint; the look that follows reports errors of the database.
    Forget(std::make_exception_ptr(error));
  }
}

void ClaimFetcher::SaveBeside() {
  // Behind a sweep it would be out of date when it is written.
  if (saving_ || sweeping_ || steady_clock::now() < save_at_) return;
  std::optional<SavedCursor> saved = cursor_.Save();
  if (!saved) return;
  saving_ = true;
  save_at_ = steady_clock::now() + pace_.save;
  asio::co_spawn(pools_.claims.executor(), Save(shared_from_this(), *std::move(saved)), Forget);
}

asio::awaitable<void> ClaimFetcher::Save(Shared self, SavedCursor saved) {
  const std::shared_ptr<void> end(nullptr, [self](void*) { self->saving_ = false; });
  const auto priority = [](const JobPlace& floor) { return floor.priority; };
  const auto at = [](const JobPlace& floor) { return floor.place.at; };
  const auto id = [](const JobPlace& floor) { return floor.place.id; };
  const auto name = [](const auto& writer) { return std::string_view(writer.first); };
  const auto from = [](const auto& writer) { return writer.second; };
  pg::Params params;
  params.Add(kLane).Add(self->queue_);
  params.AddArray(self->types_, [](const std::string& type) { return std::string_view(type); });
  params.Add(saved.server).Add(saved.looked_at);
  params.AddArray(saved.floors, priority).AddArray(saved.floors, at).AddArray(saved.floors, id);
  params.AddArray(saved.writers, name).AddArray(saved.writers, from);
  params.Add(std::chrono::duration_cast<std::chrono::microseconds>(self->pace_.save / 2));
  co_await self->pools_.slow.Execute(sql::kSaveClaimCursor, std::move(params),
                                     pg::After(kSaveTimeout));
}

}  // namespace djps::store
