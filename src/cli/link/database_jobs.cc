// JobsAccess without a server, directly to Postgres.
#include <fmt/format.h>

#include <utility>

#include "cli/link/database_link.h"
#include "cli/link/jobs_access.h"
#include "core/json_members.h"
#include "store/job_store.h"
#include "store/migrator.h"
#include "store/queue_limits.h"
#include "store/upkeep_store.h"

namespace djps::cli {
namespace {

constexpr std::chrono::milliseconds kTimeout{30'000};
constexpr std::chrono::milliseconds kHealthTimeout{5'000};

class DatabaseJobs : public JobsAccess {
 public:
  explicit DatabaseJobs(DatabaseTarget target)
      : link_(std::move(target)),
        jobs_(link_.pool()),
        operators_(link_.pool()),
        upkeep_(link_.pool()) {}

  Result<std::vector<SubmittedJob>> Submit(const std::vector<NewJob>& jobs) override {
    auto refusal = link_.Run(limits_.FindRefusal(jobs, pg::After(kTimeout)));
    if (!refusal) return tl::unexpected<Error>(refusal.error());
    if (*refusal) return Failure(ErrorCode::kUnavailable, **std::move(refusal));
    return link_.Run(jobs_.EnqueueJobs(jobs, pg::After(kTimeout)));
  }

  Result<std::optional<JobRecord>> Find(Uuid id) override {
    return link_.Run(jobs_.FindJob(id, pg::After(kTimeout)));
  }

  Result<HealthReport> CheckHealth() override {
    if (const auto schema = store::RequireCurrentSchema(link_.target().conninfo); !schema) {
      if (schema.error().code == ErrorCode::kUnavailable) {
        return tl::unexpected<Error>(link_.Explained(schema.error()));
      }
      return Unhealthy(schema.error().message);
    }
    const auto state = link_.Run(upkeep_.CheckServer(pg::After(kHealthTimeout)));
    if (!state) return tl::unexpected<Error>(state.error());
    if (state->read_only)
      return Unhealthy(
          "the database is read-only: it is a standby, or it is configured as read-only");
    return HealthReport{
        .healthy = true,
        .target = link_.target().Describe(),
        .json = fmt::format(R"({{"status":"ok","database":"ok","schema_version":{}}})",
                            state->schema_version)};
  }

 private:
  HealthReport Unhealthy(const std::string& why) const {
    return {.healthy = false,
            .target = link_.target().Describe(),
            .json = fmt::format(R"({{"status":"unavailable","detail":{}}})", JsonString(why))};
  }

  DatabaseLink link_;
  store::JobStore jobs_;
  store::OperatorStore operators_;
  store::QueueLimits limits_{operators_};
  store::UpkeepStore upkeep_;
};

}  // namespace

Result<std::unique_ptr<JobsAccess>> OpenDatabaseJobs(const DatabaseTarget& target,
                                                     OpenFor purpose) {
  const auto ready = purpose == OpenFor::kJobs ? RequireSchema(target) : Result<void>();
  if (!ready) return tl::unexpected<Error>(ready.error());
  return std::make_unique<DatabaseJobs>(target);
}

}  // namespace djps::cli
