// JobsAccess through a server's HTTP API.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/http_client.h"
#include "cli/job_text.h"
#include "cli/jobs_access.h"
#include "core/json_members.h"

namespace djps::cli {
namespace {

constexpr std::chrono::milliseconds kTimeout{30'000};
/// Whoever asks for health wants to know now; the server itself gives its database 2 s.
constexpr std::chrono::milliseconds kHealthTimeout{5'000};

constexpr int kNotFound = 404;

/// A problem document (RFC 9457) as one message for people.
Error ReadProblem(const ServerUrl& url, const HttpResponse& response) {
  Error error{ErrorCode::kInternal, {}, {}};
  const auto members = SplitObject(response.body);
  const auto text = [&members](std::string_view name) {
    const auto value = members ? FindMember(*members, name) : std::nullopt;
    return value ? ReadJsonString(*value).value_or("") : std::string();
  };
  const std::string code = text("code");
  if (response.status == 503 || code == ErrorName(ErrorCode::kUnavailable)) {
    error.code = ErrorCode::kUnavailable;
  } else if (code == ErrorName(ErrorCode::kInvalidArgument)) {
    error.code = ErrorCode::kInvalidArgument;
  }
  for (const ErrorCode known : {ErrorCode::kUnauthorized, ErrorCode::kForbidden}) {
    if (code == ErrorName(known)) error.code = known;
  }
  std::string detail = text("detail");
  if (detail.empty()) detail = text("title");
  if (detail.empty()) detail = "no explanation; is it a DJPS server?";
  error.message =
      fmt::format("the server at {} answered {}: {}", url.text, response.status, detail);
  const std::string request_id = text("request_id");
  if (response.status >= 500 && !request_id.empty()) {
    error.message += fmt::format(" (request {})", request_id);
  }
  return error;
}

bool Succeeded(const HttpResponse& response) {
  return response.status >= 200 && response.status < 300;
}

class ServerJobs : public JobsAccess {
 public:
  ServerJobs(const ServerUrl& url, const ServerTarget& target)
      : client_(url, kTimeout, target.token),
        health_client_(url, kHealthTimeout, target.token),
        origin_(target.origin) {}

  Result<std::vector<SubmittedJob>> Submit(const std::vector<NewJob>& jobs) override {
    const auto response = Checked(client_.Post("/jobs/batch", WriteBatch(jobs)));
    if (!response) return tl::unexpected<Error>(response.error());
    auto submitted = ReadBatchAnswer(response->body);
    if (submitted && submitted->size() != jobs.size()) {
      return Failure(ErrorCode::kInternal,
                     fmt::format("the server at {} answered for {} jobs, but {} were sent",
                                 client_.url().text, submitted->size(), jobs.size()));
    }
    return submitted;
  }

  Result<std::optional<JobRecord>> Find(Uuid id) override {
    const auto answer = client_.Get("/jobs/" + id.ToString());
    if (answer && answer->status == kNotFound) return std::optional<JobRecord>();
    const auto response = Checked(answer);
    if (!response) return tl::unexpected<Error>(response.error());
    auto job = ReadJobRecord(response->body);
    if (!job) return tl::unexpected<Error>(job.error());
    return std::optional(*std::move(job));
  }

  Result<HealthReport> CheckHealth() override {
    const auto answer = Explained(health_client_.Get("/health"));
    if (!answer) return tl::unexpected<Error>(answer.error());
    return HealthReport{.healthy = cli::Succeeded(*answer),
                        .target = fmt::format("{} (from {})", client_.url().text, origin_),
                        .json = answer->body};
  }

 private:
  /// Says where the URL came from, since that is what has to be changed.
  Result<HttpResponse> Explained(Result<HttpResponse> answer) const {
    if (!answer && client_.url().text != kDefaultServerUrl) {
      answer.error().message += fmt::format(" [address from {}]", origin_);
    }
    return answer;
  }

  Result<HttpResponse> Checked(Result<HttpResponse> answer) const {
    answer = Explained(std::move(answer));
    if (!answer || cli::Succeeded(*answer)) return answer;
    return tl::unexpected<Error>(ReadProblem(client_.url(), *answer));
  }

  HttpClient client_;
  HttpClient health_client_;
  std::string origin_;
};

}  // namespace

Result<std::unique_ptr<JobsAccess>> OpenServerJobs(const ServerTarget& target) {
  const auto url = ParseServerUrl(target.url);
  if (!url) {
    return Failure(url.error().code,
                   fmt::format("{} (from {})", url.error().message, target.origin),
                   url.error().field);
  }
  const bool sendable = std::all_of(target.token.begin(), target.token.end(),
                                    [](char c) { return c > ' ' && c < '\x7f'; });
  if (!sendable) {
    return Failure(ErrorCode::kInvalidArgument,
                   "the token has white space or characters that no token has (a line break of the "
                   "file it was read from?)",
                   "--token");
  }
  return std::make_unique<ServerJobs>(*url, target);
}

Result<std::unique_ptr<JobsAccess>> OpenJobs(const JobTarget& target, OpenFor purpose) {
  if (const auto* server = std::get_if<ServerTarget>(&target)) return OpenServerJobs(*server);
  return OpenDatabaseJobs(std::get<DatabaseTarget>(target), purpose);
}

}  // namespace djps::cli
