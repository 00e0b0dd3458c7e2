#include <fmt/format.h>

#include <iterator>
#include <limits>
#include <optional>

#include "core/json_members.h"
#include "core/json_text.h"
#include "core/time_text.h"
#include "core/validation.h"
#include "server/routes/handlers.h"
#include "server/wire/query.h"

namespace djps::server {
namespace asio = boost::asio;

namespace {

constexpr int kPageDefault = 100;
constexpr int kPageMax = 1'000;

}  // namespace

asio::awaitable<HandlerResult> ListAudit(ServerContext& context, const Request& request) {
  Query query(request.message.target());
  const auto target = query.Text("target");
  const auto before = query.Integer("before", 1, std::numeric_limits<std::int64_t>::max());
  const auto limit = query.Integer("limit", 1, kPageMax).value_or(kPageDefault);
  if (auto problem = query.Finish()) co_return tl::unexpected(*problem);
  if (auto refused = EverythingProblem(request.caller, "the audit is")) {
    co_return tl::unexpected(*std::move(refused));
  }
  const store::AuditPage page = co_await context.stores.operators.ListAudit(
      target, before, static_cast<int>(limit), DeadlineOf(context));
  Response response{.body = "{\"audit\":["};
  std::string& body = response.body;
  for (const store::AuditEntry& entry : page.entries) {
    if (&entry != &page.entries.front()) body += ',';
    fmt::format_to(std::back_inserter(body), R"({{"id":{},"at":"{}","actor":)", entry.id,
                   FormatTimestamp(entry.at));
    AppendJsonString(body, entry.actor);
    fmt::format_to(std::back_inserter(body), R"(,"action":"{}","target":)", entry.action);
    AppendJsonString(body, entry.target);
    body += ",\"detail\":" + entry.detail + "}";
  }
  body += page.more ? fmt::format("],\"next_before\":{}}}", page.entries.back().id)
                    : "],\"next_before\":null}";
  co_return response;
}

asio::awaitable<HandlerResult> ListAuditJobs(ServerContext& context, const Request& request) {
  Query query(request.message.target());
  const auto id = ReadJsonInteger(request.parameters[0]);
  const auto after =
      query.Integer("after", 0, std::numeric_limits<std::int32_t>::max()).value_or(0);
  const auto limit = query.Integer("limit", 1, kPageMax).value_or(kPageDefault);
  if (auto problem = query.Finish()) co_return tl::unexpected(*problem);
  if (auto refused = EverythingProblem(request.caller, "the audit is")) {
    co_return tl::unexpected(*std::move(refused));
  }
  std::optional<std::vector<store::AuditedJob>> jobs;
  if (id && *id > 0 && *id < std::numeric_limits<std::int64_t>::max()) {
    jobs = co_await context.stores.operators.ListAuditJobs(
        *id, static_cast<int>(after), static_cast<int>(limit), DeadlineOf(context));
  }
  if (!jobs) {
    co_return tl::unexpected(
        Problem{ProblemKind::kAuditNotFound,
                fmt::format("The audit has no entry {}; it may be past its retention.",
                            QuoteForMessage(request.parameters[0]))});
  }
  Response response{.body = "{\"jobs\":["};
  std::string& body = response.body;
  for (const store::AuditedJob& job : *jobs) {
    if (!body.ends_with('[')) body += ',';
    // Statuses hold no character that needs an escape.
    fmt::format_to(std::back_inserter(body), R"({{"id":"{}","was":"{}"}})", job.id.ToString(),
                   job.was);
  }
  const bool more = jobs->size() == static_cast<std::size_t>(limit);
  body += more ? fmt::format("],\"next_after\":{}}}", after + limit) : "],\"next_after\":null}";
  co_return response;
}

}  // namespace djps::server
