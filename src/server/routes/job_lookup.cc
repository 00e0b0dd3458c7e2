#include "server/routes/job_lookup.h"

#include <fmt/format.h>

#include "core/validation.h"

namespace djps::server {

namespace asio = boost::asio;

tl::expected<Uuid, Problem> JobIdOf(const Request& request) {
  const std::string& text = request.parameters[0];
  const auto id = Uuid::Parse(text);
  if (id) return *id;
  return tl::unexpected(
      Problem{ProblemKind::kMalformedId,
              fmt::format("{} is not a UUID of 36 characters.", QuoteForMessage(text))});
}

Problem NoSuchJob(Uuid id) {
  return {ProblemKind::kJobNotFound, fmt::format("There is no job {}.", id.ToString())};
}

asio::awaitable<tl::expected<JobRecord, Problem>> FindJobOf(ServerContext& context,
                                                            const Request& request) {
  const auto id = JobIdOf(request);
  if (!id) co_return tl::unexpected(id.error());
  auto job = co_await context.stores.jobs.FindJob(*id, DeadlineOf(context));
  // A job that the caller may not see is reported as missing: a refusal would reveal that it
  // exists.
  if (!job || !request.caller.MayUseJob(job->queue, job->type)) {
    co_return tl::unexpected(NoSuchJob(*id));
  }
  co_return *std::move(job);
}

asio::awaitable<tl::expected<Uuid, Problem>> AllowedJobIdOf(ServerContext& context,
                                                            const Request& request) {
  if (!request.caller.restricted()) co_return JobIdOf(request);
  const auto job = co_await FindJobOf(context, request);
  if (!job) co_return tl::unexpected(job.error());
  co_return job->id;
}

}  // namespace djps::server
