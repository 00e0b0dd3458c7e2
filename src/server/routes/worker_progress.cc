// Progress and log lines of jobs: writing and reading them.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "core/json_text.h"
#include "core/time_text.h"
#include "core/validation.h"
#include "server/live/held_jobs.h"
#include "server/routes/handlers.h"
#include "server/routes/job_lookup.h"
#include "server/wire/query.h"

namespace djps::server {
namespace {

namespace asio = boost::asio;
using store::JobProgress;

constexpr int kLinesPerAnswer = 1'000;
constexpr int kLineMax = 1'000'000'000;

void ReadProgress(Fields& item, JobProgress& job) {
  job.percent = item.Number("percent", 0, 100);
  job.message = item.Text("message", store::kProgressMessageBytesMax, 0);
  job.checkpoint = item.Json("checkpoint", store::kCheckpointBytesMax);
  if (!item.Has("percent") && !item.Has("message") && !item.Has("checkpoint")) {
    item.Add("percent", "is missing, as are message and checkpoint; give at least one");
  }
}

store::LogLine ReadLine(Fields& item) {
  static constexpr std::array<std::string_view, 4> kLevels = {"debug", "info", "warn", "error"};
  store::LogLine line;
  line.level = item.Text("level", 16).value_or("info");
  if (std::find(kLevels.begin(), kLevels.end(), line.level) == kLevels.end()) {
    item.Add("level", fmt::format("must be debug, info, warn or error, got {}",
                                  QuoteForMessage(line.level)));
  }
  line.message = item.Required("message", item.Text("message", store::kLogLineBytesMax, 0));
  return line;
}

struct LogWrite {
  Uuid lease;
  Uuid job;
  std::vector<store::LogLine> lines;
};

asio::awaitable<tl::expected<LogWrite, Problem>> ReadLogWrite(std::string_view body) {
  FieldsParser parser;
  co_await FeedInSlices(parser, body);
  Fields fields(std::move(parser));
  LogWrite write;
  write.job = fields.Required("id", fields.Id("id"));
  write.lease = fields.Required("leaseToken", fields.Id("leaseToken"));
  auto items = fields.Required("lines", fields.Objects("lines", store::kLogLinesMax));
  if (items.empty() && fields.Has("lines")) fields.Add("lines", "must have at least one item");
  for (Fields& item : items) write.lines.push_back(ReadLine(item));
  if (auto problem = fields.Finish()) co_return tl::unexpected(*std::move(problem));
  co_return write;
}

void AppendLine(std::string& out, const store::StoredLogLine& line) {
  fmt::format_to(std::back_inserter(out), R"({{"line":{},"at":"{}","level":"{}","message":)",
                 line.line, FormatTimestamp(line.at), line.level);
  AppendJsonString(out, line.message);
  out += "},";
}

}  // namespace

asio::awaitable<HandlerResult> ReportProgress(ServerContext& context, const Request& request) {
  auto held = co_await ReadHeldJobs<JobProgress>(request.body(), ReadProgress);
  if (!held) co_return tl::unexpected(std::move(held.error()));
  const std::vector<Uuid> asked = IdsOf(held->jobs);
  const auto write = [&context](const std::vector<JobProgress>& jobs) {
    return context.stores.progress.WriteProgress(jobs, DeadlineOf(context));
  };
  HeldJobsResult result;
  co_await WriteHeldJobs(std::move(held->jobs), write, result);
  co_return AnswerHeldJobs(asked, held->single, result, "checkpoint");
}

asio::awaitable<HandlerResult> WriteLogs(ServerContext& context, const Request& request) {
  const auto write = co_await ReadLogWrite(request.body());
  if (!write) co_return tl::unexpected(write.error());
  const auto written = co_await context.stores.progress.WriteLogLines(
      write->lease, write->job, write->lines, DeadlineOf(context));
  if (!written) co_return AnswerHeldJobs({write->job}, true, {}, "lines");
  co_return Response{.body =
                         fmt::format(R"({{"id":"{}","attempt":{},"written":{},"last_line":{}}})",
                                     write->job.ToString(), written->attempt, write->lines.size(),
                                     written->last_line)};
}

asio::awaitable<HandlerResult> ListJobLogs(ServerContext& context, const Request& request) {
  const auto id = co_await AllowedJobIdOf(context, request);
  if (!id) co_return tl::unexpected(id.error());
  Query query(request.message.target());
  const auto attempt = query.Integer("attempt", 1, kMaxAttemptsLimit);
  const auto after = query.Integer("after", 0, kLineMax).value_or(0);
  if (auto problem = query.Finish()) co_return tl::unexpected(*std::move(problem));

  const auto deadline = DeadlineOf(context);
  const store::LogPage page = co_await context.stores.progress.ListLogLines(
      *id, attempt ? std::optional(static_cast<int>(*attempt)) : std::nullopt,
      static_cast<int>(after), kLinesPerAnswer, deadline);
  const std::vector<store::StoredLogLine>& lines = page.lines;
  if (lines.empty()) {
    const auto job = co_await context.stores.jobs.FindJob(*id, deadline);
    if (!job) co_return tl::unexpected(NoSuchJob(*id));
  }
  Response response;
  std::string shown = attempt ? std::to_string(*attempt) : "null";
  if (!lines.empty()) shown = std::to_string(lines[0].attempt);
  response.body = fmt::format(R"({{"id":"{}","attempt":{},"lines":[)", id->ToString(), shown);
  for (const store::StoredLogLine& line : lines) AppendLine(response.body, line);
  if (!lines.empty()) response.body.pop_back();
  response.body += page.more ? fmt::format("],\"next_after\":{}}}", lines.back().line)
                             : "],\"next_after\":null}";
  co_return response;
}

}  // namespace djps::server
