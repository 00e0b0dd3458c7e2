#include "server/live/held_jobs.h"

#include <fmt/format.h>

#include <iterator>

#include "core/json_text.h"

namespace djps::server {
namespace {

void AppendIds(std::string& out, std::string_view name, const std::vector<Uuid>& ids) {
  fmt::format_to(std::back_inserter(out), "\"{}\":[", name);
  for (const Uuid& id : ids) fmt::format_to(std::back_inserter(out), "\"{}\",", id.ToString());
  if (!ids.empty()) out.pop_back();
  out += ']';
}

void AppendRejected(std::string& out, const std::vector<RejectedJob>& rejected) {
  out += ",\"rejected\":[";
  for (const RejectedJob& job : rejected) {
    fmt::format_to(std::back_inserter(out), R"({{"id":"{}","detail":)", job.id.ToString());
    AppendJsonString(out, job.detail);
    out += "},";
  }
  out.back() = ']';
}

Problem LeaseLost(const std::vector<Uuid>& lost) {
  const std::string who = lost.size() == 1 ? fmt::format("Job {}", lost[0].ToString())
                                           : fmt::format("None of the {} jobs", lost.size());
  return {ProblemKind::kLeaseLost,
          fmt::format("{} is {}held under the lease given: the lease has expired or was taken "
                      "over, or the job was finished before. Nothing was changed; stop the work.",
                      who, lost.size() == 1 ? "not " : "")};
}

}  // namespace

std::vector<Fields> HeldJobItems(Fields& fields) {
  if (!fields.Has("jobs")) return {fields};
  auto items = fields.Objects("jobs", kHeldJobsMax);
  if (!items) return {};
  if (items->empty()) fields.Add("jobs", "must have at least one item");
  return *std::move(items);
}

tl::expected<Response, Problem> AnswerHeldJobs(const std::vector<Uuid>& asked, bool single,
                                               const HeldJobsResult& result,
                                               std::string_view blamed, std::string_view more) {
  if (single && !result.rejected.empty()) {
    FieldProblems problems;
    problems.Add(JsonPath().Member(blamed), result.rejected[0].detail);
    return tl::unexpected(ValidationProblem(std::move(problems)));
  }
  std::unordered_set<Uuid> settled(result.done.begin(), result.done.end());
  for (const RejectedJob& job : result.rejected) settled.insert(job.id);
  std::vector<Uuid> lost;
  for (const Uuid& id : asked) {
    if (!settled.contains(id)) lost.push_back(id);
  }
  if (lost.size() == asked.size()) return tl::unexpected(LeaseLost(lost));

  Response response;
  response.body = "{";
  AppendIds(response.body, "done", result.done);
  response.body += ',';
  AppendIds(response.body, "lost", lost);
  if (!result.rejected.empty()) AppendRejected(response.body, result.rejected);
  response.body += more;
  response.body += '}';
  return response;
}

}  // namespace djps::server
