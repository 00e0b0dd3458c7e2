#include "client/link.h"

#include <fmt/format.h>
#include <pthread.h>

#include <boost/asio/post.hpp>
#include <csignal>

#include "pg/error.h"
#include "store/migrator.h"
#include "store/statements.h"

namespace djps::client {
namespace {

namespace asio = boost::asio;

/// A thread on which no signal is delivered: they are the program's, not ours.
std::thread ThreadWithoutSignals(asio::io_context& io) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread([&io] { io.run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

Link::Link(std::string conninfo, std::size_t connections)
    : conninfo_(std::move(conninfo)),
      work_(io_.get_executor()),
      pool_(io_.get_executor(), {.conninfo = conninfo_,
                                 .size = connections,
                                 .setup = &sql::kConfigureSession,
                                 .log_trouble = false}),
      thread_(ThreadWithoutSignals(io_)) {}

Link::~Link() { Stop(); }

void Link::Stop() {
  if (!thread_.joinable()) return;
  asio::post(io_, [this] { pool_.Close(); });
  work_.reset();
  thread_.join();
}

Result<void> Link::Open(pg::Deadline deadline) {
  if (open_) return {};
  // The call before may have used up the time of this one.
  if (std::chrono::steady_clock::now() >= deadline) {
    return Failure(ErrorCode::kUnavailable, "no connection to Postgres was made in time");
  }
  auto current = store::RequireCurrentSchema(conninfo_);
  if (!current) return current;
  pool_.Start();
  open_ = true;
  return {};
}

Error Link::Explain(const std::exception& error) {
  const auto* const pg_error = dynamic_cast<const pg::PgError*>(&error);
  if (pg_error == nullptr) return {ErrorCode::kInternal, error.what()};
  if (pg_error->bad_value()) {
    return {ErrorCode::kInvalidArgument,
            fmt::format("payload holds a value that Postgres cannot store: {}", error.what()),
            "payload"};
  }
  if (!pg_error->unavailable()) return {ErrorCode::kInternal, error.what()};
  std::string message = error.what();
  if (pg_error->outcome_unknown()) message += " (it may have been done all the same)";
  return {ErrorCode::kUnavailable, std::move(message)};
}

}  // namespace djps::client
