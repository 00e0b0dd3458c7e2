#include "pg/connection.h"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "pg/cancel.h"
#include "pg/report.h"

namespace djps::pg {
namespace {

namespace asio = boost::asio;
using asio::posix::stream_descriptor;

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);

/// Between two cancel requests for an abandoned connection: it may have several statements under
/// way, each of which may wait.
constexpr std::chrono::milliseconds kCancelPause{500};

}  // namespace

Connection::Connection(asio::any_io_executor executor)
    : executor_(std::move(executor)),
      socket_(executor_),
      ended_(executor_, asio::steady_timer::time_point::max()),
      cancel_pause_(executor_) {}

Connection::~Connection() {
  // The duplicate is closed first: libpq closes its own descriptor.
  boost::system::error_code ignored;
  socket_.close(ignored);
  if (conn_ != nullptr) PQfinish(conn_);
}

std::shared_ptr<Connection> Connection::Make(asio::any_io_executor executor) {
  return std::shared_ptr<Connection>(new Connection(std::move(executor)));
}

void Connection::Spawn(asio::awaitable<void> loop) {
  asio::co_spawn(executor_, std::move(loop), [](const std::exception_ptr& error) {
    // The loops turn every failure into Close; an exception here is a bug.
    if (error) std::rethrow_exception(error);
  });
}

asio::awaitable<void> Connection::Open(const std::string& conninfo, Deadline deadline) {
  try {
    co_await Connect(conninfo, deadline);
  } catch (const PgError&) {
    const bool late = !broken_ && conn_ != nullptr && PQstatus(conn_) != CONNECTION_BAD;
    if (late) Spawn(Linger(shared_from_this()));
    throw;
  }
  Spawn(ReadLoop(shared_from_this()));
}

/// A Postgres process that hangs while it starts does not notice that the client has left.
asio::awaitable<void> Connection::Linger(std::shared_ptr<Connection> /*self*/) {
  retired_ = true;
  co_await socket_.async_wait(stream_descriptor::wait_read, kNoThrow);
}

asio::awaitable<void> Connection::WaitSocket(stream_descriptor::wait_type what, Deadline deadline) {
  using asio::experimental::awaitable_operators::operator||;
  asio::steady_timer timer(executor_, deadline);
  const auto winner =
      co_await (socket_.async_wait(what, kNoThrow) || timer.async_wait(asio::use_awaitable));
  if (broken_) throw PgError(kConnectionFailure, "the connection was closed");
  if (winner.index() == 1) {
    throw PgError(kConnectionFailure, "connecting to Postgres took longer than allowed");
  }
}

asio::awaitable<void> Connection::Connect(const std::string& conninfo, Deadline deadline) {
  conn_ = PQconnectStart(conninfo.c_str());
  if (conn_ == nullptr) throw PgError("53200", "out of memory for a connection");
  if (PQstatus(conn_) == CONNECTION_BAD) throw ConnectError(conn_);
  AskForCodes(conn_);
  PQsetNoticeReceiver(conn_, OnNotice, this);

  int assigned = -1;
  for (PostgresPollingStatusType state = PGRES_POLLING_WRITING; state != PGRES_POLLING_OK;) {
    if (state == PGRES_POLLING_FAILED) throw ConnectError(conn_);
    // libpq opens a new socket for each address it tries.
    if (PQsocket(conn_) != assigned) {
      assigned = PQsocket(conn_);
      boost::system::error_code ignored;
      socket_.close(ignored);
      socket_.assign(dup(assigned));
    }
    co_await WaitSocket(state == PGRES_POLLING_READING ? stream_descriptor::wait_read
                                                       : stream_descriptor::wait_write,
                        deadline);
    state = PQconnectPoll(conn_);
  }
  if (PQsocket(conn_) != assigned) {
    boost::system::error_code ignored;
    socket_.close(ignored);
    socket_.assign(dup(PQsocket(conn_)));
  }
  PQsetErrorVerbosity(conn_, PQERRORS_DEFAULT);
  if (PQsetnonblocking(conn_, 1) != 0 || PQenterPipelineMode(conn_) != 1) {
    throw ConnectionError("enter pipeline mode");
  }
}

asio::awaitable<Rows> Connection::Execute(const Statement& statement, const Params& params,
                                          Deadline deadline, const Call* follow_up) {
  if (!usable()) throw PgError(kConnectionFailure, "the connection to Postgres is gone");
  // Both are sent at once, so that preparing needs no extra round trip. Answers come in order, so
  // when the statement has failed, the result of preparing it is known too.
  const std::shared_ptr<Pending> preparing = Prepare(statement);
  auto pending = SendExecute(statement, params);
  if (follow_up != nullptr && !broken_) {
    Prepare(*follow_up->statement);
    SendExecute(*follow_up->statement, follow_up->params);
  }
  try {
    co_await Await(pending, deadline);
  } catch (const PgError&) {
    if (preparing->error) ThrowUnprepared(statement, preparing->error);
    throw;
  }
  co_return Rows(std::move(pending->result));
}

std::shared_ptr<Connection::Pending> Connection::Prepare(const Statement& statement) {
  std::shared_ptr<Pending>& known = prepared_[&statement];
  const bool failed = known && known->finished && known->error;
  if (!known || failed) known = SendPrepare(statement);
  return known;
}

std::shared_ptr<Connection::Pending> Connection::SendPrepare(const Statement& statement) {
  std::vector<Oid> types;
  for (const Type type : statement.params) types.push_back(static_cast<Oid>(type));
  return Enqueue(PQsendPrepare(conn_, statement.name.data(), std::string(statement.text).c_str(),
                               static_cast<int>(types.size()), types.data()));
}

std::shared_ptr<Connection::Pending> Connection::SendExecute(const Statement& statement,
                                                             const Params& params) {
  DJPS_CHECK(std::equal(params.types().begin(), params.types().end(), statement.params.begin(),
                        statement.params.end()));
  const std::vector<const char*> values = params.Values();
  const std::vector<int> formats(values.size(), 1);
  return Enqueue(PQsendQueryPrepared(conn_, statement.name.data(), params.count(), values.data(),
                                     params.lengths().data(), formats.data(), 1));
}

void Connection::ThrowUnprepared(const Statement& statement, const std::exception_ptr& why) {
  try {
    std::rethrow_exception(why);
  } catch (const PgError& error) {
    if (error.unavailable() || error.transient()) throw;
    throw PgError(error.sqlstate(),
                  fmt::format("Postgres cannot prepare the statement {}: {}. Does the database's "
                              "schema belong to this version of the program?",
                              statement.name, error.what()));
  }
}

/// `sent`: libpq's result of sending the message; closes the connection if that failed.
std::shared_ptr<Connection::Pending> Connection::Enqueue(int sent) {
  auto pending = std::make_shared<Pending>(executor_);
  if (broken_ || sent != 1) {
    const PgError unsent = ConnectionError("send a statement");
    pending->error = std::make_exception_ptr(unsent);
    pending->finished = true;
    Close(unsent);
    return pending;
  }
  queue_.push_back(pending);
  if (PQpipelineSync(conn_) != 1) {
    Close(ConnectionError("send a statement"));
  } else {
    Flush();
  }
  return pending;
}

asio::awaitable<void> Connection::Await(std::shared_ptr<Pending> pending, Deadline deadline) {
  if (!pending->finished) {
    pending->awaited = true;
    pending->done.expires_at(deadline);
    co_await pending->done.async_wait(kNoThrow);
    pending->awaited = false;
  }
  if (!pending->finished) {
    const PgError late(kQueryCanceled, "Postgres did not answer in time", true);
    // If the caller is canceled, the statement continues and its answer is dropped. After the
    // deadline, nothing on this connection can be trusted any more.
    const bool missed = std::chrono::steady_clock::now() >= deadline;
    if (missed && !WaitsBehindAnother(*pending)) Abandon(late);
    throw late;
  }
  if (pending->error) std::rethrow_exception(pending->error);
}

bool Connection::WaitsBehindAnother(const Pending& pending) const {
  for (const auto& ahead : queue_) {
    if (ahead.get() == &pending) return false;
    if (ahead->awaited) return true;
  }
  return false;
}

void Connection::Flush() {
  if (flushing_ || broken_) return;
  const int state = PQflush(conn_);
  if (state < 0) {
    Close(ConnectionError("send to Postgres"));
  } else if (state == 1) {
    flushing_ = true;
    Spawn(FlushLoop(shared_from_this()));
  }
}

asio::awaitable<void> Connection::FlushLoop(std::shared_ptr<Connection> /*self*/) {
  while (!broken_) {
    const auto [error] = co_await socket_.async_wait(stream_descriptor::wait_write, kNoThrow);
    if (error || broken_) break;
    const int state = PQflush(conn_);
    if (state < 0) Close(ConnectionError("send to Postgres"));
    if (state == 0) break;
  }
  flushing_ = false;
}

asio::awaitable<void> Connection::ReadLoop(std::shared_ptr<Connection> /*self*/) {
  while (!broken_) {
    const auto [error] = co_await socket_.async_wait(stream_descriptor::wait_read, kNoThrow);
    if (broken_) break;
    if (error || PQconsumeInput(conn_) != 1) {
      Close(ConnectionError("read from Postgres"));
      break;
    }
    ReadAnswers();
    ReadNotifications();
  }
}

void Connection::ReadNotifications() {
  while (!broken_) {
    const std::unique_ptr<PGnotify, decltype(&PQfreemem)> told(PQnotifies(conn_), &PQfreemem);
    if (!told) return;
    if (heard_) heard_(told->extra);
  }
}

void Connection::ReadAnswers() {
  while (!broken_ && !queue_.empty() && PQisBusy(conn_) == 0) {
    ResultHandle result(PQgetResult(conn_));
    // A null result separates statements from each other and from their sync point.
    if (result) Accept(std::move(result));
  }
  if (!broken_ && PQstatus(conn_) == CONNECTION_BAD) Close(ConnectionError("read from Postgres"));
}

void Connection::Accept(ResultHandle result) {
  Pending& pending = *queue_.front();
  switch (PQresultStatus(result.get())) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
      pending.result = std::move(result);
      return;
    case PGRES_PIPELINE_SYNC: {
      // The transaction has ended: now the answer is final.
      const auto finished = std::move(queue_.front());
      queue_.pop_front();
      finished->finished = true;
      finished->done.cancel();
      if (retired_ && queue_.empty()) Close(PgError(kConnectionFailure, trouble_));
      return;
    }
    default:
      pending.error = std::make_exception_ptr(ErrorOf(result.get()));
  }
}

/// This notice arrives before the end of its transaction, which is the first in the queue: libpq
/// reads no further until its results have been read.
void Connection::OnNotice(void* connection, const PGresult* notice) {
  LogNotice(notice);
  auto& queue = static_cast<Connection*>(connection)->queue_;
  const auto doubt = DoubtOfCommit(notice);
  if (doubt && !queue.empty()) queue.front()->error = std::make_exception_ptr(*doubt);
}

asio::awaitable<void> Connection::Ended() {
  if (usable()) co_await ended_.async_wait(kNoThrow);
}

void Connection::FailAll(const PgError& reason) {
  if (trouble_.empty()) trouble_ = reason.what();
  const PgError lost(reason.sqlstate(), reason.what(), true);
  for (const auto& pending : queue_) {
    if (!pending->error) pending->error = std::make_exception_ptr(lost);
    pending->finished = true;
    pending->done.cancel();
  }
}

void Connection::Close(const PgError& reason) {
  if (broken_) return;
  broken_ = true;
  FailAll(reason);
  queue_.clear();
  boost::system::error_code ignored;
  socket_.close(ignored);
  cancel_pause_.cancel();
  ended_.cancel();
}

void Connection::Retire() {
  if (broken_) return;
  retired_ = true;
  ended_.cancel();
  if (queue_.empty()) Close(PgError(kConnectionFailure, trouble_));
}

void Connection::Abandon(const PgError& reason) {
  FailAll(reason);
  if (!broken_ && !std::exchange(canceling_, true)) Spawn(CancelLoop(shared_from_this()));
  Retire();
}

asio::awaitable<void> Connection::CancelLoop(std::shared_ptr<Connection> /*self*/) {
  while (!broken_) {
    SendCancel(conn_);
    cancel_pause_.expires_after(kCancelPause);
    co_await cancel_pause_.async_wait(kNoThrow);
  }
}

PgError Connection::ConnectionError(const char* doing) const {
  return PgError(kConnectionFailure,
                 fmt::format("could not {}: {}", doing, Trimmed(PQerrorMessage(conn_))));
}

}  // namespace djps::pg
