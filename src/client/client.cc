#include "djps/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "client/calls.h"
#include "client/checks.h"
#include "client/link.h"
#include "core/option_limits.h"
#include "core/process_name.h"
#include "core/text.h"
#include "core/validation.h"
#include "pg/conninfo.h"

namespace djps {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTimeoutMin{100};
constexpr milliseconds kClientTimeoutMax{30'000};
constexpr std::size_t kConnectionsMax = 64;
constexpr std::size_t kNameBytesShown = 255;
/// A year; more would exceed the range of the clock.
constexpr milliseconds kWaitMax = kDelayMax;

ClientConfig Checked(ClientConfig config) {
  if (config.timeout < kTimeoutMin || config.timeout > kClientTimeoutMax) {
    throw std::invalid_argument(fmt::format("timeout must be from {} to {} ms, got {}",
                                            kTimeoutMin.count(), kClientTimeoutMax.count(),
                                            config.timeout.count()));
  }
  if (config.connections < 1 || config.connections > kConnectionsMax) {
    throw std::invalid_argument(fmt::format("connections must be from 1 to {}, got {}",
                                            kConnectionsMax, config.connections));
  }
  if (config.name.empty()) config.name = ProcessName();
  config.name = CleanText(config.name, kNameBytesShown);
  const auto conninfo = pg::ResolveConninfo(config.database_url, "djps client");
  if (!conninfo) throw std::invalid_argument("database_url: " + conninfo.error().message);
  config.database_url = *conninfo;
  return config;
}

tl::unexpected<Error> OutOfRange(std::string field, long long low, long long high, long long got) {
  std::string message = fmt::format("{} must be from {} to {}, got {}", field, low, high, got);
  return Failure(ErrorCode::kInvalidArgument, std::move(message), std::move(field));
}

}  // namespace

class Client::Impl {
 public:
  explicit Impl(ClientConfig config)
      : timeout(config.timeout),
        link(std::move(config.database_url), config.connections),
        calls(link.pool(), link.waiting_pool(), std::move(config.name)) {}

  ~Impl() { link.Stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  pg::Deadline deadline() const { return pg::After(timeout); }

  const milliseconds timeout;
  client::Link link;
  client::Calls calls;
};

Client::Client(ClientConfig config) : impl_(std::make_unique<Impl>(Checked(std::move(config)))) {}
Client::~Client() = default;

Result<SubmittedJob> Client::Submit(const NewJob& job) {
  auto checked = client::CheckedJob(job);
  if (!checked) return tl::unexpected<Error>(checked.error());
  std::vector<NewJob> jobs;
  jobs.push_back(*std::move(checked));
  const auto deadline = impl_->deadline();
  const auto submitted = impl_->link.Run(impl_->calls.Submit(std::move(jobs), deadline), deadline);
  if (!submitted) return tl::unexpected<Error>(submitted.error());
  return submitted->front();
}

Result<std::vector<SubmittedJob>> Client::SubmitBatch(const std::vector<NewJob>& jobs) {
  if (jobs.size() > kBatchJobsMax) {
    return OutOfRange("jobs", 0, kBatchJobsMax, static_cast<long long>(jobs.size()));
  }
  std::vector<NewJob> batch;
  batch.reserve(jobs.size());
  for (const NewJob& job : jobs) {
    auto checked = client::CheckedJob(job);
    if (!checked) {
      Error error = std::move(checked.error());
      error.field = fmt::format("jobs[{}].{}", batch.size(), error.field);
      error.message = fmt::format("jobs[{}].{}", batch.size(), error.message);
      return tl::unexpected<Error>(std::move(error));
    }
    batch.push_back(*std::move(checked));
  }
  const auto deadline = impl_->deadline();
  return impl_->link.Run(impl_->calls.Submit(std::move(batch), deadline), deadline);
}

Result<std::optional<JobRecord>> Client::Find(Uuid id) {
  const auto deadline = impl_->deadline();
  return impl_->link.Run(impl_->calls.Find(id, deadline), deadline);
}

Result<JobRecord> Client::Wait(Uuid id, milliseconds timeout) {
  const auto end = pg::After(std::clamp(timeout, milliseconds(0), kWaitMax));
  // The last poll may begin just before the end.
  const auto deadline = end + 2 * impl_->timeout;
  return impl_->link.Run(impl_->calls.Wait(id, end, impl_->timeout), deadline);
}

Result<std::vector<PastAttempt>> Client::Attempts(Uuid id) {
  const auto deadline = impl_->deadline();
  return impl_->link.Run(impl_->calls.Attempts(id, deadline), deadline);
}

Result<JobPage> Client::List(const JobFilter& filter, const ListOptions& options) {
  if (const auto checked = client::CheckFilter(filter); !checked) {
    return tl::unexpected<Error>(checked.error());
  }
  if (options.limit < 1 || options.limit > store::kListLimitMax) {
    return OutOfRange("limit", 1, store::kListLimitMax, options.limit);
  }
  const auto deadline = impl_->deadline();
  return impl_->link.Run(impl_->calls.List(filter, options, deadline), deadline);
}

Result<CancelOutcome> Client::Cancel(Uuid id, std::string_view reason) {
  if (const auto checked = client::CheckReason(reason); !checked) {
    return tl::unexpected<Error>(checked.error());
  }
  std::optional<std::string> given;
  if (!reason.empty()) given = std::string(reason);
  const auto deadline = impl_->deadline();
  return impl_->link.Run(impl_->calls.Cancel(id, std::move(given), deadline), deadline);
}

Result<JobRecord> Client::Retry(Uuid id, bool run_again) {
  const auto deadline = impl_->deadline();
  return impl_->link.Run(impl_->calls.Retry(id, run_again, deadline), deadline);
}

Result<JobRecord> Client::Edit(Uuid id, const JobEdit& edit) {
  auto checked = client::CheckedEdit(edit);
  if (!checked) return tl::unexpected<Error>(checked.error());
  const auto deadline = impl_->deadline();
  return impl_->link.Run(impl_->calls.Edit(id, *std::move(checked), deadline), deadline);
}

Result<void> Client::Purge(Uuid id) {
  const auto deadline = impl_->deadline();
  const auto purged = impl_->link.Run(impl_->calls.Purge(id, deadline), deadline);
  if (!purged) return tl::unexpected<Error>(purged.error());
  return {};
}

Result<QueuePage> Client::ListQueues(const QueueListOptions& options) {
  if (!options.after.empty()) {
    if (auto trouble = NameTrouble(options.after)) {
      return Failure(ErrorCode::kInvalidArgument, "after " + *std::move(trouble), "after");
    }
  }
  if (options.limit < 1 || options.limit > store::kQueuesListedMax) {
    return OutOfRange("limit", 1, store::kQueuesListedMax, options.limit);
  }
  const auto deadline = impl_->deadline();
  return impl_->link.Run(impl_->calls.ListQueues(options, deadline), deadline);
}

Result<bool> Client::PauseQueue(std::string_view queue) {
  if (const auto checked = client::CheckQueueName(queue); !checked) {
    return tl::unexpected<Error>(checked.error());
  }
  const auto deadline = impl_->deadline();
  return impl_->link.Run(impl_->calls.SetQueuePaused(std::string(queue), true, deadline), deadline);
}

Result<bool> Client::ResumeQueue(std::string_view queue) {
  if (const auto checked = client::CheckQueueName(queue); !checked) {
    return tl::unexpected<Error>(checked.error());
  }
  const auto deadline = impl_->deadline();
  return impl_->link.Run(impl_->calls.SetQueuePaused(std::string(queue), false, deadline),
                         deadline);
}

Result<void> Client::SetQueueLimit(std::string_view queue, std::optional<int> max_backlog) {
  if (auto checked = client::CheckQueueName(queue); !checked) return checked;
  if (max_backlog && (*max_backlog < 1 || *max_backlog > kBacklogMax)) {
    return OutOfRange("maxBacklog", 1, kBacklogMax, *max_backlog);
  }
  const auto deadline = impl_->deadline();
  const auto set = impl_->link.Run(
      impl_->calls.SetQueueLimit(std::string(queue), max_backlog, deadline), deadline);
  if (!set) return tl::unexpected<Error>(set.error());
  return {};
}

}  // namespace djps
