#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/frame/environment.h"
#include "cli/link/http_client.h"
#include "cli/link/target.h"
#include "djps/result.h"

namespace djps::cli {

/// A server's HTTP API, for commands that print its answers.
class Api {
 public:
  Api(ServerUrl url, ServerTarget target) : url_(std::move(url)), target_(std::move(target)) {}

  /// The body of a successful answer.
  ///
  /// Errors: kUnavailable without an answer, or when the server's database is away; kNotFound,
  /// kInvalidArgument, kInternal as the server says.
  Result<std::string> Get(const std::string& path,
                          std::chrono::milliseconds timeout = std::chrono::seconds(30)) const;

  /// The same for requests that change something. With an empty `json`, no body is sent.
  Result<std::string> Send(std::string_view method, const std::string& path,
                           const std::string& json = {}) const;

 private:
  Result<std::string> BodyOf(Result<HttpResponse> answer) const;

  ServerUrl url_;
  ServerTarget target_;
};

/// The server that the options, the environment or a running `djps dev` name. Databases that they
/// name are ignored. Errors: as ChooseJobs; kInvalidArgument for a URL that cannot be used.
Result<Api> OpenApi(const TargetOptions& options, const Environment& environment);

/// A problem document (RFC 9457) as one message for people.
Error ReadProblem(const ServerUrl& url, const HttpResponse& response);

/// Encodes a name as one segment of a path, also if it has a slash.
std::string PathPart(std::string_view name);

/// "?a=1&b=x%20y" from the parameters that are not empty; "" if all are empty.
std::string WriteQuery(const std::vector<std::pair<std::string, std::string>>& parameters);

}  // namespace djps::cli
