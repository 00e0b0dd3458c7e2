#include "client/link.h"

#include <fmt/format.h>

#include <boost/asio/post.hpp>

#include "core/quiet_thread.h"
#include "pg/error.h"
#include "store/migrator.h"
#include "store/statements.h"

namespace djps::client {
namespace {

namespace asio = boost::asio;

pg::PoolConfig Connections(const std::string& conninfo, std::size_t size, bool on_demand) {
  return {.conninfo = conninfo,
          .size = size,
          .setup = &sql::kConfigureSession,
          .log_trouble = false,
          .on_demand = on_demand};
}

}  // namespace

Link::Link(std::string conninfo, std::size_t connections)
    : conninfo_(std::move(conninfo)),
      work_(io_.get_executor()),
      pool_(io_.get_executor(), Connections(conninfo_, connections, false)),
      waiting_pool_(io_.get_executor(), Connections(conninfo_, 1, true)),
      thread_(ThreadWithoutSignals([this] { io_.run(); })) {}

Link::~Link() { Stop(); }

void Link::Stop() {
  if (!thread_.joinable()) return;
  asio::post(io_, [this] {
    pool_.Close();
    waiting_pool_.Close();
  });
  work_.reset();
  thread_.join();
}

Result<void> Link::Open(pg::Deadline deadline) {
  if (open_) return {};
  // The previous call may have used up this one's time.
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
