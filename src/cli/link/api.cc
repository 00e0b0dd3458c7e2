#include "cli/link/api.h"

#include <fmt/format.h>

#include <boost/url/params_encoded_ref.hpp>
#include <boost/url/url.hpp>

#include "core/json_members.h"

namespace djps::cli {
namespace {

constexpr std::chrono::seconds kSendTimeout{30};
constexpr int kConflictStatus = 409;

}  // namespace

Result<std::string> Api::Get(const std::string& path, std::chrono::milliseconds timeout) const {
  return BodyOf(HttpClient(url_, timeout, target_.token).Get(path));
}

Result<std::string> Api::Send(std::string_view method, const std::string& path,
                              const std::string& json) const {
  return BodyOf(HttpClient(url_, kSendTimeout, target_.token).Send(method, path, json));
}

Result<std::string> Api::BodyOf(Result<HttpResponse> answer) const {
  if (!answer) {
    if (url_.text != kDefaultServerUrl) {
      answer.error().message += fmt::format(" [address from {}]", target_.origin);
    }
    return tl::unexpected<Error>(answer.error());
  }
  if (answer->status >= 200 && answer->status < 300) return std::move(answer->body);
  return tl::unexpected<Error>(ReadProblem(url_, *answer));
}

Result<Api> OpenApi(const TargetOptions& options, const Environment& environment) {
  Environment servers = environment;
  servers.erase("DJPS_DATABASE_URL");
  servers.erase("DJPS_DATABASE_URL_FILE");
  servers.erase("DATABASE_URL");
  const auto choice = ChooseJobs(MakeTargetInputs(options, servers));
  if (!choice) return tl::unexpected<Error>(choice.error());
  const auto& target = std::get<ServerTarget>(*choice);
  auto url = ParseServerUrl(target.url);
  if (!url) {
    return Failure(url.error().code,
                   fmt::format("{} (from {})", url.error().message, target.origin),
                   url.error().field);
  }
  if (const auto token = CheckToken(target.token); !token) {
    return tl::unexpected<Error>(token.error());
  }
  return Api(*std::move(url), target);
}

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
  // The request is valid, but the job's state does not allow it.
  if (response.status == kConflictStatus) error.code = ErrorCode::kConflict;
  for (const ErrorCode known :
       {ErrorCode::kNotFound, ErrorCode::kUnauthorized, ErrorCode::kForbidden}) {
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

std::string PathPart(std::string_view name) {
  std::string part;
  for (const char c : name) part += c == '/' ? "%2F" : std::string(1, c);
  return part;
}

std::string WriteQuery(const std::vector<std::pair<std::string, std::string>>& parameters) {
  boost::urls::url url;
  for (const auto& [name, value] : parameters) {
    if (!value.empty()) url.params().append({name, value});
  }
  std::string query;
  for (const char c : url.encoded_query()) {
    // The library does not encode it, and servers read it as a space.
    query += c == '+' ? "%2B" : std::string(1, c);
  }
  return query.empty() ? query : "?" + query;
}

}  // namespace djps::cli
