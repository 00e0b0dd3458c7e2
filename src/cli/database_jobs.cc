// JobsAccess without a server, straight to Postgres.
#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <utility>

#include "cli/jobs_access.h"
#include "core/json_members.h"
#include "pg/pool.h"
#include "store/job_store.h"
#include "store/migrator.h"
#include "store/statements.h"
#include "store/upkeep_store.h"

namespace djps::cli {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kTimeout{30'000};
constexpr std::chrono::milliseconds kHealthTimeout{5'000};

class DatabaseJobs : public JobsAccess {
 public:
  explicit DatabaseJobs(DatabaseTarget target)
      : target_(std::move(target)),
        pool_(io_.get_executor(), {.conninfo = target_.conninfo,
                                   .size = 1,
                                   .statements = sql::AllStatements(),
                                   .setup = &sql::kConfigureSession}),
        jobs_(pool_),
        upkeep_(pool_) {
    pool_.Start();
  }

  ~DatabaseJobs() override {
    pool_.Close();
    io_.run();
  }

  DatabaseJobs(const DatabaseJobs&) = delete;
  DatabaseJobs& operator=(const DatabaseJobs&) = delete;

  Result<std::vector<SubmittedJob>> Submit(const std::vector<NewJob>& jobs) override {
    return RunToEnd(jobs_.EnqueueJobs(jobs, pg::After(kTimeout)));
  }

  Result<std::optional<JobRecord>> Find(Uuid id) override {
    return RunToEnd(jobs_.FindJob(id, pg::After(kTimeout)));
  }

  Result<HealthReport> CheckHealth() override {
    if (const auto schema = store::RequireCurrentSchema(target_.conninfo); !schema) {
      if (schema.error().code == ErrorCode::kUnavailable) {
        return tl::unexpected<Error>(Explained(schema.error()));
      }
      return Unhealthy(schema.error().message);
    }
    const auto state = RunToEnd(upkeep_.CheckServer(pg::After(kHealthTimeout)));
    if (!state) return tl::unexpected<Error>(state.error());
    if (state->read_only) return Unhealthy("the database is read-only: a standby, or set to be so");
    return HealthReport{
        .healthy = true,
        .target = target_.Describe(),
        .json = fmt::format(R"({{"status":"ok","database":"ok","schema_version":{}}})",
                            state->schema_version)};
  }

  Error Explained(Error error) const {
    error.message += fmt::format(" [database {}]", target_.Describe());
    return error;
  }

 private:
  HealthReport Unhealthy(const std::string& why) const {
    return {.healthy = false,
            .target = target_.Describe(),
            .json = fmt::format(R"({{"status":"unavailable","detail":{}}})", JsonString(why))};
  }

  /// Runs one call to its end on this thread.
  template <typename T>
  Result<T> RunToEnd(asio::awaitable<T> call) {
    std::exception_ptr failure;
    std::optional<T> value;
    asio::co_spawn(io_, std::move(call), [&](const std::exception_ptr& error, T result) {
      failure = error;
      value = std::move(result);
    });
    // Not run(): the pool keeps its connection up until it is closed.
    while (!value) io_.run_one();
    if (!failure) return *std::move(value);
    try {
      std::rethrow_exception(failure);
    } catch (const pg::PgError& error) {
      ErrorCode code = ErrorCode::kInternal;
      if (error.unavailable()) code = ErrorCode::kUnavailable;
      if (error.bad_value()) code = ErrorCode::kInvalidArgument;
      return tl::unexpected<Error>(Explained({code, error.what(), {}}));
    }
  }

  DatabaseTarget target_;
  asio::io_context io_{1};
  pg::Pool pool_;
  store::JobStore jobs_;
  store::UpkeepStore upkeep_;
};

}  // namespace

Result<std::unique_ptr<JobsAccess>> OpenDatabaseJobs(const DatabaseTarget& target,
                                                     OpenFor purpose) {
  if (purpose == OpenFor::kJobs) {
    // Asked first, since it fails at once and knows what to do about it.
    if (const auto schema = store::RequireCurrentSchema(target.conninfo); !schema) {
      return Failure(schema.error().code,
                     fmt::format("{} [database {}]", schema.error().message, target.Describe()));
    }
  }
  return std::make_unique<DatabaseJobs>(target);
}

}  // namespace djps::cli
