// Claims and heartbeats of workers, and the list of workers.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <exception>
#include <iterator>
#include <unordered_set>
#include <utility>

#include "core/json_text.h"
#include "core/text.h"
#include "core/time_text.h"
#include "core/validation.h"
#include "pg/error.h"
#include "server/access/token_cache.h"
#include "server/live/job_waiters.h"
#include "server/live/visible_workers.h"
#include "server/live/worker_presence.h"
#include "server/routes/handlers.h"
#include "server/wire/fields.h"
#include "server/wire/query.h"
#include "store/claims/claim_gatherer.h"
#include "store/claims/lease_writer.h"

namespace djps::server {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr std::size_t kQueuesMax = 32;
constexpr std::size_t kTypesMax = 100;
constexpr std::size_t kLeasesMax = 1'000;
/// More jobs than this are too many for one lease of a worker of unknown speed.
constexpr std::size_t kClaimMax = 100;
constexpr std::size_t kVersionBytesMax = 128;
constexpr milliseconds kLeaseMin{1'000};
constexpr milliseconds kLeaseMax{86'400'000};
constexpr milliseconds kLeaseDefault{30'000};
constexpr milliseconds kWaitMax{60'000};
/// How often a waiting worker is recorded: well within the minute after which it is not listed.
constexpr milliseconds kWaitSlice{20'000};
constexpr milliseconds kWorkerListedFor{60'000};
constexpr milliseconds kForever = std::chrono::hours(24 * 366);
constexpr int kWorkersListed = 1'000;

struct Claim {
  std::string worker;
  std::vector<std::string> queues;
  std::vector<std::string> types;
  std::size_t jobs = 1;
  milliseconds lease{0};
  milliseconds wait{0};
};

/// The jobs claimed from one queue.
struct ClaimedQueue {
  std::string queue;
  store::ClaimedBatch batch;
};
using Claimed = std::vector<ClaimedQueue>;

/// Names; at least one is required.
std::vector<std::string> SomeNames(Fields& fields, std::string_view name, std::size_t count_max,
                                   std::vector<std::string> otherwise) {
  auto names = fields.Names(name, count_max);
  if (!names) return otherwise;
  if (names->empty()) fields.Add(name, "must have at least one item");
  return *std::move(names);
}

std::string WorkerName(Fields& fields) {
  const auto name = fields.Required("worker", fields.Text("worker", kNameBytesMax));
  if (name.empty()) return name;  // reported already
  if (auto trouble = WorkerNameTrouble(name)) fields.Add("worker", *std::move(trouble));
  return name;
}

tl::expected<Claim, Problem> ReadClaim(std::string_view body) {
  Fields fields(body);
  Claim claim;
  claim.worker = WorkerName(fields);
  claim.queues = SomeNames(fields, "queues", kQueuesMax, {std::string(kDefaultQueue)});
  claim.types = SomeNames(fields, "types", kTypesMax, {});
  if (!fields.Has("types")) fields.Add("types", "is missing");
  // Sorted, so that workers with the same types in any order share one claim cursor.
  std::sort(claim.types.begin(), claim.types.end());
  claim.jobs = static_cast<std::size_t>(
      fields.Integer("max", 1, static_cast<long long>(kClaimMax)).value_or(1));
  claim.lease = fields.Duration("leaseMs", kLeaseMin, kLeaseMax).value_or(kLeaseDefault);
  claim.wait = fields.Duration("waitMs", 0ms, kWaitMax).value_or(0ms);
  if (auto problem = fields.Finish()) return tl::unexpected(*std::move(problem));
  return claim;
}

/// Why this caller may not work on these queues or types. Later calls about a job need no such
/// check: the lease token is the permission.
std::optional<Problem> ClaimProblem(const Caller& caller, const Claim& claim) {
  for (const std::string& queue : claim.queues) {
    if (auto refused = QueueProblem(caller, queue)) return refused;
  }
  for (const std::string& type : claim.types) {
    if (auto refused = TypeProblem(caller, type)) return refused;
  }
  return std::nullopt;
}

/// Claims from the queues in their order until there are enough.
asio::awaitable<Claimed> ClaimFromQueues(ServerContext& context, const Claim& claim) {
  Claimed claimed;
  std::size_t left = claim.jobs;
  for (const std::string& queue : claim.queues) {
    store::ClaimRequest request{.queue = queue,
                                .types = claim.types,
                                .limit = left,
                                .worker = claim.worker,
                                .lease = claim.lease};
    store::ClaimedBatch batch;
    try {
      batch = co_await context.claims.ClaimJobs(std::move(request), DeadlineOf(context));
    } catch (const pg::PgError& error) {
      if (claimed.empty()) throw;
      // Jobs that were claimed before must not wait until their lease expires.
      spdlog::warn("could not claim from queue \"{}\": {}", queue, error.what());
      break;
    }
    if (batch.jobs.empty()) continue;
    if (std::chrono::steady_clock::now() >= batch.begun + claim.lease) {
      // The answer took so long that the lease may be over: none of the jobs may start.
      context.stores.leases.ReturnLease(batch.lease);
      continue;
    }
    left -= std::min(left, batch.jobs.size());
    claimed.push_back({queue, std::move(batch)});
    if (left == 0) break;
  }
  co_return claimed;
}

/// Gives back jobs whose client cannot get them; no attempt counts.
void PutBack(ServerContext& context, const Claimed& claimed) {
  for (const ClaimedQueue& from : claimed) context.stores.leases.ReturnLease(from.batch.lease);
}

/// A claim that may run now.
asio::awaitable<Claimed> ClaimInTurn(ServerContext& context, const Claim& claim,
                                     const WorkNeed& need) {
  Claimed claimed;
  std::exception_ptr failure;
  try {
    claimed = co_await ClaimFromQueues(context, claim);
  } catch (...) {
    failure = std::current_exception();
  }
  context.waiters.Finished(need, !claimed.empty());
  if (failure) std::rethrow_exception(failure);
  co_return claimed;
}

void ShowWorker(ServerContext& context, const Claim& claim, const Request& request) {
  context.presence.Seen({.name = claim.worker,
                         .kind = "http",
                         .queues = claim.queues,
                         .types = claim.types,
                         .capacity = static_cast<std::int32_t>(claim.jobs),
                         .version = CleanText(request.header("User-Agent"), kVersionBytesMax)});
}

/// Waits until there are jobs to claim, or the time is over. If the token is revoked meanwhile, the
/// claim gets nothing.
asio::awaitable<tl::expected<Claimed, Problem>> AwaitWork(ServerContext& context,
                                                          const Claim& claim,
                                                          const Request& request) {
  const auto until = JobWaiters::Clock::now() + claim.wait;
  WorkNeed need{
      .queues = claim.queues, .types = claim.types, .jobs = claim.jobs, .gone = [&request] {
        return ClientGone(request.socket);
      }};
  const TokenCache::Watch token(context.tokens, request.caller.token,
                                [&] { context.waiters.Drop(need); });
  Claimed claimed;
  while (claimed.empty() && !token.ended() && JobWaiters::Clock::now() < until &&
         !ClientGone(request.socket)) {
    ShowWorker(context, claim, request);
    const auto slice = std::min(until, JobWaiters::Clock::now() + kWaitSlice);
    const WorkWake wake = co_await context.waiters.Wait(need, slice);
    if (wake == WorkWake::kTimeout) continue;
    if (wake != WorkWake::kWork) break;
    claimed = co_await ClaimInTurn(context, claim, need);
  }
  if (token.ended()) {
    PutBack(context, claimed);
    co_return tl::unexpected(TokenEndedProblem());
  }
  co_return claimed;
}

/// The job's own timeout, or less if its deadline is nearer.
std::string TimeLimitOf(const store::ClaimedJob& job) {
  if (!job.time_limit && !job.begin_within) return "null";
  const auto limit = std::min(job.time_limit.value_or(milliseconds::max()),
                              job.begin_within.value_or(milliseconds::max()));
  return std::to_string(limit.count());
}

void AppendJobOf(std::string& out, const ClaimedQueue& from, const store::ClaimedJob& job) {
  fmt::format_to(std::back_inserter(out), R"({{"id":"{}","type":"{}","queue":"{}","payload":)",
                 job.id.ToString(), job.type, from.queue);
  out += job.payload;
  fmt::format_to(std::back_inserter(out),
                 R"(,"priority":{},"attempt":{},"max_attempts":{},"idempotency_key":)",
                 job.priority, job.attempt, job.max_attempts);
  if (job.idempotency_key) {
    AppendJsonString(out, *job.idempotency_key);
  } else {
    out += "null";
  }
  fmt::format_to(std::back_inserter(out), R"(,"created_at":"{}","lease_token":"{}")",
                 FormatTimestamp(job.created_at), from.batch.lease.ToString());
  fmt::format_to(std::back_inserter(out), ",\"time_limit_ms\":{},\"metadata\":", TimeLimitOf(job));
  out += job.metadata ? std::string_view(*job.metadata) : "null";
  out += ",\"tags\":";
  out += job.tags ? std::string_view(*job.tags) : "[]";
  out += ",\"checkpoint\":";
  out += job.checkpoint ? std::string_view(*job.checkpoint) : "null";
  out += "},";
}

void AppendLease(std::string& out, Uuid lease, Timestamp expires_at) {
  fmt::format_to(std::back_inserter(out), R"("lease":"{}","expires_at":"{}")", lease.ToString(),
                 FormatTimestamp(expires_at));
}

Response AnswerClaim(const Claimed& claimed) {
  Response response;
  std::string& out = response.body;
  out = "{";
  if (claimed.empty()) {
    out += R"("lease":null,"expires_at":null)";
  } else {
    AppendLease(out, claimed[0].batch.lease, claimed[0].batch.expires_at);
  }
  out += ",\"leases\":[";
  for (const ClaimedQueue& from : claimed) {
    out += '{';
    AppendLease(out, from.batch.lease, from.batch.expires_at);
    out += "},";
  }
  if (out.back() == ',') out.pop_back();
  out += "],\"jobs\":[";
  for (const ClaimedQueue& from : claimed) {
    for (const store::ClaimedJob& job : from.batch.jobs) AppendJobOf(out, from, job);
  }
  if (out.back() == ',') out.pop_back();
  out += "]}";
  return response;
}

/// Removes duplicates.
std::vector<Uuid> Distinct(const std::vector<Uuid>& ids) {
  std::vector<Uuid> distinct;
  std::unordered_set<Uuid> seen;
  for (const Uuid& id : ids) {
    if (seen.insert(id).second) distinct.push_back(id);
  }
  return distinct;
}

Response AnswerHeartbeat(const std::vector<Uuid>& leases,
                         const std::vector<store::BeatAnswer>& answers) {
  std::string extended;
  std::string lost;
  std::string canceled;
  for (std::size_t i = 0; i < leases.size(); ++i) {
    const store::BeatAnswer& answer = answers[i];
    if (answer.expires_at) {
      extended += '{';
      AppendLease(extended, leases[i], *answer.expires_at);
      extended += "},";
    } else {
      fmt::format_to(std::back_inserter(lost), "\"{}\",", leases[i].ToString());
    }
    for (const Uuid& job : answer.canceled) {
      fmt::format_to(std::back_inserter(canceled), "\"{}\",", job.ToString());
    }
  }
  for (std::string* list : {&extended, &lost, &canceled}) {
    if (!list->empty()) list->pop_back();
  }
  Response response;
  response.body =
      fmt::format(R"({{"leases":[{}],"lost":[{}],"canceled":[{}]}})", extended, lost, canceled);
  return response;
}

void AppendOptional(std::string& out, std::string_view name, const std::optional<int>& value) {
  fmt::format_to(std::back_inserter(out), ",\"{}\":{}", name,
                 value ? std::to_string(*value) : "null");
}

void AppendWorker(std::string& out, const store::WorkerRecord& worker) {
  out += "{\"name\":";
  AppendJsonString(out, worker.name);
  fmt::format_to(std::back_inserter(out), R"(,"kind":"{}","host":)", worker.kind);
  if (worker.host) {
    AppendJsonString(out, *worker.host);
  } else {
    out += "null";
  }
  AppendOptional(out, "pid", worker.pid);
  fmt::format_to(std::back_inserter(out), R"(,"queues":{},"types":{})", worker.queues,
                 worker.types);
  AppendOptional(out, "capacity", worker.capacity);
  AppendOptional(out, "running", worker.running);
  out += ",\"version\":";
  AppendJsonString(out, worker.version);
  fmt::format_to(std::back_inserter(out), R"(,"started_at":"{}","last_seen_at":"{}","jobs":{}}},)",
                 FormatTimestamp(worker.started_at), FormatTimestamp(worker.last_seen_at),
                 worker.jobs);
}

}  // namespace

asio::awaitable<HandlerResult> ClaimWork(ServerContext& context, const Request& request) {
  const auto claim = ReadClaim(request.body());
  if (!claim) co_return tl::unexpected(claim.error());
  if (auto refused = ClaimProblem(request.caller, *claim)) {
    co_return tl::unexpected(*std::move(refused));
  }
  ShowWorker(context, *claim, request);
  Claimed claimed = co_await ClaimFromQueues(context, *claim);
  if (claimed.empty() && claim->wait > 0ms) {
    auto awaited = co_await AwaitWork(context, *claim, request);
    if (!awaited) co_return tl::unexpected(std::move(awaited.error()));
    claimed = *std::move(awaited);
  }
  if (!claimed.empty() && ClientGone(request.socket)) {
    PutBack(context, claimed);
    claimed.clear();
  }
  co_return AnswerClaim(claimed);
}

asio::awaitable<HandlerResult> Heartbeat(ServerContext& context, const Request& request) {
  Fields fields(request.body());
  const auto worker = WorkerName(fields);
  const auto leases = Distinct(fields.Required("leases", fields.Uuids("leases", kLeasesMax)));
  const auto duration = fields.Duration("leaseMs", kLeaseMin, kLeaseMax).value_or(kLeaseDefault);
  if (auto problem = fields.Finish()) co_return tl::unexpected(*std::move(problem));

  context.presence.Seen({.name = worker,
                         .kind = "http",
                         .version = CleanText(request.header("User-Agent"), kVersionBytesMax)});
  const auto deadline = DeadlineOf(context);
  const auto answers = co_await context.outcomes.ExtendLeases(leases, duration, deadline);
  co_return AnswerHeartbeat(leases, answers);
}

asio::awaitable<HandlerResult> ListWorkers(ServerContext& context, const Request& request) {
  Query query(request.message.target());
  const bool all = query.Bool("all").value_or(false);
  if (auto problem = query.Finish()) co_return tl::unexpected(*std::move(problem));
  auto listed = co_await context.stores.workers.ListWorkers(all ? kForever : kWorkerListedFor,
                                                            kWorkersListed, DeadlineOf(context));
  Response response;
  const auto workers = VisibleWorkers(request.caller, std::move(listed));
  response.body = "{\"workers\":[";
  for (const store::WorkerRecord& worker : workers) AppendWorker(response.body, worker);
  if (!workers.empty()) response.body.pop_back();
  response.body += "]}";
  co_return response;
}

}  // namespace djps::server
