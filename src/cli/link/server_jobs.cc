// JobsAccess through a server's HTTP API.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/link/api.h"
#include "cli/link/http_client.h"
#include "cli/link/job_text.h"
#include "cli/link/jobs_access.h"

namespace djps::cli {
namespace {

constexpr std::chrono::milliseconds kTimeout{30'000};
/// A health check needs a quick answer; the server gives its own database 2 s.
constexpr std::chrono::milliseconds kHealthTimeout{5'000};

constexpr int kNotFound = 404;

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
    const auto answer = Explained(health_client_.Get("/health/ready"));
    if (!answer) return tl::unexpected<Error>(answer.error());
    return HealthReport{.healthy = cli::Succeeded(*answer),
                        .target = fmt::format("{} (from {})", client_.url().text, origin_),
                        .json = answer->body};
  }

 private:
  /// Adds the source of the URL to an error, since that is what to change.
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
  if (const auto token = CheckToken(target.token); !token) {
    return tl::unexpected<Error>(token.error());
  }
  return std::make_unique<ServerJobs>(*url, target);
}

Result<std::unique_ptr<JobsAccess>> OpenJobs(const JobTarget& target, OpenFor purpose) {
  if (const auto* server = std::get_if<ServerTarget>(&target)) return OpenServerJobs(*server);
  return OpenDatabaseJobs(std::get<DatabaseTarget>(target), purpose);
}

}  // namespace djps::cli
