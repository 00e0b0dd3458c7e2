#pragma once

#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/check.h"
#include "djps/uuid.h"
#include "store/batching/backlog.h"

namespace djps::store {

/// How much one statement of a group commit writes, and how many are under way.
struct GroupCommitLimits {
  std::size_t batches = 4;  ///< At once: while Postgres flushes one, the next are prepared.
  std::size_t batch_items = 1'000;
  std::size_t batch_bytes = 4U << 20U;
};

/// Counters of a line.
struct GroupCommitCounts {
  std::uint64_t callers = 0;
  std::uint64_t items = 0;
  std::uint64_t writes = 0;  ///< Batches written: far fewer than callers under load.
};

/// One line of a group commit: callers who submit while others are being written wait, and are
/// written together when that has ended. So a caller that finds an empty line is written at once
/// and alone, and batches grow with the load. Each is answered after the commit of its own items.
///
/// The items of a caller stay together: they are written by one call of `write`, or not at all.
/// When Postgres refuses what several callers wrote, they are written again in halves, until the
/// refused one is alone; the others do not notice. The same search finds a caller that needs a lock
/// of another transaction; with LetWait it waits in a separate line. When the database is away, all
/// callers of a batch get the error.
///
/// Lifetime: made by make_shared; batches under way keep it alive. What `write` uses must outlive
/// them, that is the last deadline of a caller.
/// Thread-safety: everything on one single-threaded executor.
template <typename Item, typename Answer>
class GroupCommit : public std::enable_shared_from_this<GroupCommit<Item, Answer>> {
 public:
  using Items = std::vector<Item>;
  using Answers = std::vector<Answer>;
  /// Writes `items` and returns an answer for each, in order, or throws. It must be all or nothing,
  /// or safe to repeat.
  using Write = std::function<boost::asio::awaitable<Answers>(const Items& items, pg::Deadline)>;
  /// A key that no two items of one batch may share, if there is one.
  using Identity = std::function<Uuid(const Item&)>;
  /// Gets the answers for a caller that gave up before they came.
  using Unheard = std::function<void(Answers answers)>;

  /// The items of a caller, and the answer for each.
  struct Written {
    Items items;
    Answers answers;
  };

  GroupCommit(boost::asio::any_io_executor executor, std::shared_ptr<Backlog> backlog, Write write,
              Identity identity = {}, GroupCommitLimits limits = {}, Unheard unheard = {})
      : executor_(std::move(executor)),
        backlog_(std::move(backlog)),
        write_(std::move(write)),
        identity_(std::move(identity)),
        limits_(limits),
        unheard_(std::move(unheard)) {}

  /// From now on, a caller that is alone and meets a lock gets no error, but moves to the end of
  /// `line`, whose `write` waits longer.
  void LetWait(std::shared_ptr<GroupCommit> line) { waiting_ = std::move(line); }

  /// Writes `items`, of which `bytes` is about the size.
  ///
  /// Errors: OverloadedError when too much waits already; pg::PgError of the statement; one with
  /// kQueryCanceled at the deadline, with outcome_unknown() if the items were being written then.
  /// Items that were still in line are never written.
  boost::asio::awaitable<Written> Submit(Items items, std::size_t bytes, pg::Deadline deadline) {
    if (items.empty()) co_return Written{};
    const auto self = this->shared_from_this();
    const auto caller =
        std::make_shared<Caller>(executor_, Backlog::Enter(backlog_, items.size(), bytes));
    caller->items = std::move(items);
    caller->bytes = bytes;
    caller->deadline = deadline;
    caller->line = this;
    caller->done.expires_at(deadline);
    ++counts_.callers;
    counts_.items += caller->items.size();
    line_.push_back(caller);
    StartBatch();

    constexpr auto kNoThrow = boost::asio::as_tuple(boost::asio::use_awaitable);
    if (!caller->finished) co_await caller->done.async_wait(kNoThrow);
    if (!caller->finished) {
      auto& line = caller->line->line_;
      const auto place = std::find(line.begin(), line.end(), caller);
      if (place != line.end()) {
        line.erase(place);
        throw LateError(false);
      }
      // The statement usually has the same deadline, and its error is more precise.
      caller->done.expires_after(kGrace);
      co_await caller->done.async_wait(kNoThrow);
    }
    if (!caller->finished) {
      caller->gone = true;
      throw LateError(true);
    }
    if (caller->error) std::rethrow_exception(caller->error);
    co_return Written{std::move(caller->items), std::move(caller->answers)};
  }

  const GroupCommitCounts& counts() const { return counts_; }

 private:
  static constexpr std::chrono::milliseconds kGrace{20};

  struct Caller {
    Caller(const boost::asio::any_io_executor& executor, Backlog::Place taken)
        : place(std::move(taken)), done(executor) {}

    Backlog::Place place;
    Items items;
    std::size_t bytes = 0;
    pg::Deadline deadline;
    GroupCommit* line = nullptr;     // this one, or the one to wait in
    boost::asio::steady_timer done;  // expires at the deadline; canceled when there is an answer
    bool finished = false;
    bool gone = false;  // gave up at its deadline
    Answers answers;
    std::exception_ptr error;
  };
  using Callers = std::vector<std::shared_ptr<Caller>>;

  struct Batch {
    Callers callers;
    Items items;
    pg::Deadline deadline = pg::Deadline::min();
  };

  void StartBatch() {
    if (under_way_ >= limits_.batches) return;
    ++under_way_;
    boost::asio::co_spawn(executor_, DrainLine(this->shared_from_this()),
                          [](const std::exception_ptr& error) {
                            // Errors of the database go to callers; an exception here is a bug.
                            if (error) std::rethrow_exception(error);
                          });
  }

  /// Writes one batch after another until the line is empty.
  static boost::asio::awaitable<void> DrainLine(std::shared_ptr<GroupCommit> self) {
    // Waits for requests that were read in the same turn of the I/O loop.
    co_await boost::asio::post(self->executor_, boost::asio::use_awaitable);
    while (!self->line_.empty()) co_await WriteBatch(self, self->TakeBatch());
    --self->under_way_;
  }

  /// The next callers that fit; always at least one.
  Batch TakeBatch() {
    Batch batch;
    std::size_t items = 0;
    std::size_t bytes = 0;
    std::unordered_set<Uuid> named;
    while (!line_.empty()) {
      const auto& next = line_.front();
      items += next->items.size();
      bytes += next->bytes;
      const bool fits = items <= limits_.batch_items && bytes <= limits_.batch_bytes;
      const bool apart = AddNames(next->items, named);
      if (!batch.callers.empty() && (!fits || !apart)) break;
      batch.deadline = std::max(batch.deadline, next->deadline);
      batch.callers.push_back(next);
      line_.pop_front();
    }
    batch.items.reserve(items);
    for (const auto& caller : batch.callers) {
      // The caller keeps the emptied items: their number, and the space for their return.
      std::move(caller->items.begin(), caller->items.end(), std::back_inserter(batch.items));
    }
    return batch;
  }

  /// False if the key of one of `items` is in the batch already.
  bool AddNames(const Items& items, std::unordered_set<Uuid>& named) const {
    if (!identity_) return true;
    bool fresh = true;
    for (const Item& item : items) fresh = named.insert(identity_(item)).second && fresh;
    return fresh;
  }

  static boost::asio::awaitable<void> WriteBatch(std::shared_ptr<GroupCommit> self, Batch batch) {
    std::exception_ptr failure;
    bool divisible = false;
    bool waits = false;
    Answers answers;
    try {
      // After the deadline, a statement would only cost its connection.
      if (std::chrono::steady_clock::now() >= batch.deadline) throw LateError(false);
      ++self->counts_.writes;
      answers = co_await self->write_(batch.items, batch.deadline);
      DJPS_CHECK(answers.size() == batch.items.size());
    } catch (const pg::PgError& error) {
      failure = std::current_exception();
      divisible = batch.callers.size() > 1 && MayBeOneCallersFault(error);
      waits = self->waiting_ && error.sqlstate() == pg::kLockNotAvailable;
    } catch (...) {
      failure = std::current_exception();
    }
    if (divisible) {
      Batch second = SplitOff(batch);
      co_await WriteBatch(self, std::move(batch));
      co_await WriteBatch(self, std::move(second));
    } else if (waits) {
      self->HandOver(batch);
    } else if (failure) {
      for (const auto& caller : batch.callers) caller->error = failure;
      Finish(batch.callers);
    } else {
      self->Deliver(batch, answers);
    }
  }

  /// Has the one caller of `batch` wait in the other line.
  void HandOver(Batch& batch) {
    const auto& caller = batch.callers.front();
    caller->items = std::move(batch.items);
    caller->line = waiting_.get();
    waiting_->line_.push_back(caller);
    waiting_->StartBatch();
  }

  /// The second half of the callers.
  static Batch SplitOff(Batch& batch) {
    Batch second;
    second.deadline = batch.deadline;
    const std::size_t half = batch.callers.size() / 2;
    std::size_t items = 0;
    for (std::size_t i = 0; i < half; ++i) items += batch.callers[i]->items.size();
    const auto caller = batch.callers.begin() + static_cast<std::ptrdiff_t>(half);
    second.callers.assign(caller, batch.callers.end());
    batch.callers.erase(caller, batch.callers.end());
    const auto item = batch.items.begin() + static_cast<std::ptrdiff_t>(items);
    second.items.assign(std::make_move_iterator(item), std::make_move_iterator(batch.items.end()));
    batch.items.erase(item, batch.items.end());
    return second;
  }

  /// Gives each caller its items back, and its part of the answers.
  void Deliver(Batch& batch, Answers& answers) const {
    auto item = batch.items.begin();
    auto answer = answers.begin();
    for (const auto& caller : batch.callers) {
      const auto count = static_cast<std::ptrdiff_t>(caller->items.size());
      std::move(item, item + count, caller->items.begin());
      caller->answers.assign(std::make_move_iterator(answer),
                             std::make_move_iterator(answer + count));
      item += count;
      answer += count;
      if (caller->gone && unheard_) unheard_(std::move(caller->answers));
    }
    Finish(batch.callers);
  }

  static void Finish(const Callers& callers) {
    for (const auto& caller : callers) {
      caller->finished = true;
      caller->done.cancel();
    }
  }

  boost::asio::any_io_executor executor_;
  std::shared_ptr<Backlog> backlog_;
  Write write_;
  Identity identity_;
  GroupCommitLimits limits_;
  std::shared_ptr<GroupCommit> waiting_;  // null: callers are told at once
  Unheard unheard_;
  std::deque<std::shared_ptr<Caller>> line_;  // not yet being written
  std::size_t under_way_ = 0;                 // batches
  GroupCommitCounts counts_;
};

}  // namespace djps::store
