#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/json_members.h"
#include "core/option_limits.h"
#include "core/time_text.h"
#include "core/validation.h"
#include "server/routes/handlers.h"
#include "server/wire/job_json.h"
#include "server/wire/list_cursor.h"
#include "server/wire/query.h"

namespace djps::server {
namespace {

namespace asio = boost::asio;
using store::ListDetail;
using store::ListOrder;
using store::ListRequest;

constexpr int kLimitDefault = 100;
constexpr std::size_t kStatusesBytesMax = 255;

std::vector<JobStatus> ReadStatuses(Query& query) {
  std::vector<JobStatus> statuses;
  const auto text = query.Text("status", kStatusesBytesMax);
  if (!text) return statuses;
  for (std::string_view rest = *text;;) {
    const std::size_t comma = rest.find(',');
    const std::string_view name = rest.substr(0, comma);
    const auto status = ParseStatus(name);
    if (!status) {
      query.Add("status", fmt::format("must be of queued, running, succeeded, failed, canceled and "
                                      "dead, separated by commas, got {}",
                                      QuoteForMessage(name)));
      return statuses;
    }
    if (std::find(statuses.begin(), statuses.end(), *status) == statuses.end()) {
      statuses.push_back(*status);
    }
    if (comma == std::string_view::npos) return statuses;
    rest.remove_prefix(comma + 1);
  }
}

std::optional<Timestamp> ReadTime(Query& query, std::string_view name) {
  const auto text = query.Text(name);
  if (!text) return std::nullopt;
  const auto time = ParseTimestamp(*text);
  if (!time) {
    query.Add(name, fmt::format("must be an RFC 3339 time with an offset, such as "
                                "2026-11-24T07:11:29Z (a + in it is written %2B), got {}",
                                QuoteForMessage(*text)));
  }
  return time;
}

bool IsQueuedAlone(const store::JobFilter& filter) {
  return filter.statuses == std::vector{JobStatus::kQueued} && filter.tag.empty();
}

ListOrder ReadOrder(Query& query, const store::JobFilter& filter) {
  const auto text = query.Text("order");
  if (!text) return IsQueuedAlone(filter) ? ListOrder::kNext : ListOrder::kNewest;
  if (*text == "newest") return ListOrder::kNewest;
  if (*text == "oldest" && filter.tag.empty()) return ListOrder::kOldest;
  if (*text == "oldest") {
    query.Add("order", "must be newest beside tag: tagged jobs are kept in that order");
  } else if (*text != "next") {
    query.Add("order",
              fmt::format("must be newest, oldest or next, got {}", QuoteForMessage(*text)));
  } else if (!IsQueuedAlone(filter)) {
    query.Add("order",
              "may be next only with status=queued and no tag: nothing else is in a queue's order");
  }
  return ListOrder::kNext;
}

struct ListQuery {
  ListRequest request;
  std::string scope;
};

tl::expected<ListQuery, Problem> ReadListQuery(std::string_view target) {
  Query query(target);
  ListQuery read;
  ListRequest& request = read.request;
  request.filter.statuses = ReadStatuses(query);
  request.filter.type = query.Name("type").value_or("");
  request.filter.queue = query.Name("queue").value_or("");
  request.filter.tag = query.Text("tag", kTagBytesMax).value_or("");
  request.filter.idempotency_key = query.Text("key", kIdempotencyKeyBytesMax).value_or("");
  if (!request.filter.idempotency_key.empty() && request.filter.type.empty()) {
    query.Add("key", "needs the parameter type beside it: a key names a job of one type");
  }
  request.filter.created_from = ReadTime(query, "created_after");
  request.filter.created_until = ReadTime(query, "created_before");
  request.order = ReadOrder(query, request.filter);
  request.limit =
      static_cast<int>(query.Integer("limit", 1, store::kListLimitMax).value_or(kLimitDefault));
  if (query.Bool("payload").value_or(false)) request.detail = ListDetail::kAll;
  read.scope = ListScope(request);
  if (const auto cursor = query.Text("cursor", kCursorBytesMax)) {
    request.after = ReadCursor(*cursor, read.scope);
    if (!request.after) {
      query.Add("cursor",
                "must be a next_cursor that this list gave, with the same filters and order; "
                "leave it off to begin again");
    }
  }
  if (auto problem = query.Finish()) return tl::unexpected(*std::move(problem));
  return read;
}

}  // namespace

asio::awaitable<HandlerResult> ListJobs(ServerContext& context, const Request& request) {
  const std::string target = request.message.target();
  const auto query = ReadListQuery(target);
  if (!query) co_return tl::unexpected(query.error());
  const store::JobFilter& filter = query->request.filter;
  if (auto refused = ListProblem(request.caller, filter.queue, filter.type)) {
    co_return tl::unexpected(*std::move(refused));
  }
  const store::ListPage page =
      co_await context.stores.lists.ListJobs(query->request, DeadlineOf(context));
  Response response;
  std::string& body = response.body;
  body = "{\"jobs\":[";
  for (const JobRecord& job : page.jobs) {
    AppendJob(
        body, job,
        query->request.detail == ListDetail::kAll ? JobPayload::kShown : JobPayload::kLeftOff);
    body += ',';
  }
  if (!page.jobs.empty()) body.pop_back();
  body += fmt::format("],\"more\":{},\"next_cursor\":", page.next.has_value());
  body += page.next ? fmt::format("\"{}\"", WriteCursor(*page.next, query->scope)) : "null";
  body += ",\"scanned_to\":";
  body += page.scan_ended ? fmt::format("\"{}\"", page.next->id.ToString()) : "null";
  body += '}';
  co_return response;
}

}  // namespace djps::server
