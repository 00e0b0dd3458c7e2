// Waits for a job: until it has ended, or for each change.
#include <fmt/format.h>

#include "server/access/token_cache.h"
#include "server/live/job_watch.h"
#include "server/routes/handlers.h"
#include "server/routes/job_lookup.h"
#include "server/wire/job_json.h"
#include "server/wire/query.h"

namespace djps::server {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using Clock = JobWatch::Clock;

constexpr milliseconds kWaitDefault{30'000};
constexpr milliseconds kWaitMax{60'000};

store::JobState StateOf(const JobRecord& job) { return {job.status, job.attempts}; }

/// The value that a client may send as Last-Event-ID when it reconnects.
std::string EventIdOf(const JobRecord& job) {
  return fmt::format("{}.{}", job.attempts, StatusName(job.status));
}

/// Waits until the job has ended, the time is over, or the server stops. False: the caller's token
/// counts no longer.
asio::awaitable<bool> AwaitEnd(ServerContext& context, const Caller& caller, const JobRecord& job,
                               Clock::time_point deadline) {
  JobWatch::Subscription subscription(context.watch, job.id, StateOf(job));
  const TokenCache::Watch token(context.tokens, caller.token, [&] { subscription.End(); });
  while (true) {
    const auto state = co_await subscription.Next(deadline);
    if (!state || HasEnded(state->status)) co_return !token.ended();
  }
}

/// A job's changes as server-sent events.
/// Source: WHATWG HTML Living Standard, section 9.2, "Server-sent events".
class JobEvents : public BodyProducer {
 public:
  JobEvents(ServerContext& context, const Request& request, JobRecord job)
      : context_(context),
        token_(request.caller.token),
        job_(std::move(job)),
        last_event_id_(request.header("Last-Event-ID")) {}

  asio::awaitable<void> Produce(BodyWriter& out) override {
    JobWatch::Subscription subscription(context_.watch, job_.id, StateOf(job_));
    const TokenCache::Watch token(context_.tokens, token_, [&] { subscription.End(); });
    // A client that reconnects does not get a state again that it has seen, except an end.
    bool news = HasEnded(job_.status) || EventIdOf(job_) != last_event_id_;
    while (true) {
      const std::string text = news ? Event() : ": nothing new\n\n";
      const bool sent = co_await out.Write(text);
      if (!sent || HasEnded(job_.status) || context_.watch.stopping()) co_return;
      const auto state =
          co_await subscription.Next(Clock::now() + context_.config.stream_heartbeat);
      news = false;
      if (token.ended() || context_.watch.stopping()) co_return;
      if (!state) continue;
      auto job =
          co_await context_.stores.jobs.FindJob(job_.id, pg::After(context_.config.store_timeout));
      if (!job || token.ended()) co_return;  // deleted meanwhile, or the caller's token has ended
      news = StateOf(*job) != StateOf(job_);
      job_ = *std::move(job);
      subscription.SetKnown(StateOf(job_));
    }
  }

 private:
  std::string Event() const {
    std::string event =
        fmt::format("event: {}\nid: {}\ndata: ", StatusName(job_.status), EventIdOf(job_));
    AppendJob(event, job_, JobPayload::kLeftOff);  // compact JSON has no line breaks
    return event + "\n\n";
  }

  ServerContext& context_;
  std::optional<Uuid> token_;
  JobRecord job_;
  std::string last_event_id_;
};

}  // namespace

asio::awaitable<HandlerResult> WaitForJob(ServerContext& context, const Request& request) {
  const auto began = Clock::now();
  const std::string target = request.message.target();
  Query query(target);
  const milliseconds timeout(
      query.Integer("timeoutMs", 0, kWaitMax.count()).value_or(kWaitDefault.count()));
  if (auto problem = query.Finish()) co_return tl::unexpected(*std::move(problem));
  auto job = co_await FindJobOf(context, request);
  if (!job) co_return tl::unexpected(job.error());
  if (!HasEnded(job->status) && timeout.count() > 0) {
    const bool allowed = co_await AwaitEnd(context, request.caller, *job, began + timeout);
    if (!allowed) co_return tl::unexpected(TokenEndedProblem());
    job = co_await FindJobOf(context, request);
    if (!job) co_return tl::unexpected(job.error());
  }
  const auto waited = std::chrono::duration_cast<milliseconds>(Clock::now() - began);
  Response response;
  response.headers.push_back({"Djps-Waited-Ms", std::to_string(waited.count())});
  AppendJob(response.body, *job);
  co_return response;
}

asio::awaitable<HandlerResult> StreamJobEvents(ServerContext& context, const Request& request) {
  auto job = co_await FindJobOf(context, request);
  if (!job) co_return tl::unexpected(job.error());
  Response response{.content_type = "text/event-stream"};
  // Tells proxies not to buffer the answer, which would delay events.
  response.headers.push_back({"X-Accel-Buffering", "no"});
  response.producer = std::make_shared<JobEvents>(context, request, *std::move(job));
  co_return response;
}

}  // namespace djps::server
