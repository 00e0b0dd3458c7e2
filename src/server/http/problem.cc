#include "server/http/problem.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "core/check.h"
#include "djps/error.h"

namespace djps::server {
namespace {

struct KindInfo {
  ProblemKind kind;
  int status;
  std::string_view slug;  ///< The last part of the document's type; stable.
  std::string_view title;
  ErrorCode code;
  bool transient = false;  ///< Temporary: the client may try again in a second.
};

constexpr std::array kKinds = {
    KindInfo{ProblemKind::kMalformedRequest, 400, "malformed-request",
             "The request is not valid HTTP", ErrorCode::kInvalidArgument},
    KindInfo{ProblemKind::kMalformedJson, 400, "malformed-json", "The body is not valid JSON",
             ErrorCode::kInvalidArgument},
    KindInfo{ProblemKind::kMalformedId, 400, "malformed-id", "The id is not a UUID",
             ErrorCode::kInvalidArgument},
    KindInfo{ProblemKind::kUnauthorized, 401, "unauthorized", "A valid token is needed",
             ErrorCode::kUnauthorized},
    KindInfo{ProblemKind::kForbidden, 403, "forbidden", "The token does not allow this",
             ErrorCode::kForbidden},
    KindInfo{ProblemKind::kUnknownPath, 404, "unknown-path", "There is nothing at this path",
             ErrorCode::kNotFound},
    KindInfo{ProblemKind::kJobNotFound, 404, "job-not-found", "There is no such job",
             ErrorCode::kNotFound},
    KindInfo{ProblemKind::kTokenNotFound, 404, "token-not-found", "There is no such token",
             ErrorCode::kNotFound},
    KindInfo{ProblemKind::kAuditNotFound, 404, "audit-not-found",
             "There is no such entry in the audit", ErrorCode::kNotFound},
    KindInfo{ProblemKind::kMethodNotAllowed, 405, "method-not-allowed",
             "This path does not support this method", ErrorCode::kInvalidArgument},
    KindInfo{ProblemKind::kWrongState, 409, "wrong-state", "The job is not in a state for this",
             ErrorCode::kInvalidArgument},
    KindInfo{ProblemKind::kUniqueConflict, 409, "unique-conflict",
             "Another job has the place of this unique job", ErrorCode::kConflict},
    KindInfo{ProblemKind::kRequestTimeout, 408, "request-timeout",
             "The request did not arrive in time", ErrorCode::kInvalidArgument},
    KindInfo{ProblemKind::kLeaseLost, 409, "lease-lost", "The lease is no longer held",
             ErrorCode::kLeaseLost},
    KindInfo{ProblemKind::kTokenNameTaken, 409, "token-name-taken",
             "A token with this name exists already", ErrorCode::kConflict},
    KindInfo{ProblemKind::kBodyTooLarge, 413, "body-too-large", "The body is too large",
             ErrorCode::kInvalidArgument},
    KindInfo{ProblemKind::kUriTooLong, 414, "uri-too-long", "The URI is too long",
             ErrorCode::kInvalidArgument},
    KindInfo{ProblemKind::kUnsupportedMediaType, 415, "unsupported-media-type",
             "The body must be JSON", ErrorCode::kInvalidArgument},
    KindInfo{ProblemKind::kUnsupportedEncoding, 415, "unsupported-encoding",
             "The Content-Encoding is not supported", ErrorCode::kInvalidArgument},
    KindInfo{ProblemKind::kValidationFailed, 422, "validation-failed",
             "The request has fields that are wrong", ErrorCode::kInvalidArgument},
    KindInfo{ProblemKind::kKeyReused, 422, "idempotency-key-reused",
             "The idempotency key was used with another payload", ErrorCode::kInvalidArgument},
    KindInfo{ProblemKind::kQueueFull, 429, "queue-full", "The queue is full",
             ErrorCode::kUnavailable, true},
    KindInfo{ProblemKind::kHeadersTooLarge, 431, "headers-too-large", "The headers are too large",
             ErrorCode::kInvalidArgument},
    KindInfo{ProblemKind::kInternal, 500, "internal", "The server failed", ErrorCode::kInternal},
    KindInfo{ProblemKind::kUnavailable, 503, "unavailable", "The database cannot be used now",
             ErrorCode::kUnavailable, true},
    KindInfo{ProblemKind::kOverloaded, 503, "overloaded",
             "The server has more to write than it can hold", ErrorCode::kUnavailable, true},
    KindInfo{ProblemKind::kTooManyConnections, 503, "too-many-connections",
             "The server has too many connections", ErrorCode::kUnavailable, true},
};

const KindInfo& InfoOf(ProblemKind kind) {
  const auto* info = std::find_if(kKinds.begin(), kKinds.end(),
                                  [kind](const KindInfo& item) { return item.kind == kind; });
  DJPS_CHECK(info != kKinds.end());
  return *info;
}

void AppendMember(std::string& out, std::string_view name, std::string_view text) {
  AppendJsonString(out, name);
  out += ':';
  AppendJsonString(out, text);
  out += ',';
}

void AppendFieldProblems(std::string& out, const std::vector<FieldProblem>& errors) {
  out += "\"errors\":[";
  for (const FieldProblem& error : errors) {
    out += '{';
    AppendMember(out, "field", error.path.Name());
    AppendMember(out, "pointer", error.path.Pointer());
    AppendMember(out, "detail", error.detail);
    out.back() = '}';
    out += ',';
  }
  out.back() = ']';
  out += ',';
}

}  // namespace

void FieldProblems::Add(JsonPath path, std::string detail) {
  ++count_;
  if (kept_.size() < kFieldProblemsMax) kept_.push_back({std::move(path), std::move(detail)});
}

Problem ValidationProblem(FieldProblems problems) {
  const std::size_t count = problems.count();
  Problem problem{ProblemKind::kValidationFailed, {}, problems.Take()};
  const std::size_t listed = problem.errors.size();
  if (count == 1) {
    const FieldProblem& only = problem.errors.front();
    const std::string name = only.path.Name();
    problem.detail = fmt::format("{} {}.", name.empty() ? "the body" : name, only.detail);
  } else if (listed == count) {
    problem.detail = fmt::format("{} fields are wrong; errors lists them.", count);
  } else {
    problem.detail =
        fmt::format("{} fields are wrong; errors lists the first {} and leaves off {}.", count,
                    listed, count - listed);
  }
  return problem;
}

Response ProblemResponse(const Problem& problem, std::string_view request_id) {
  const KindInfo& info = InfoOf(problem.kind);
  Response response{.status = info.status, .content_type = kProblemType};
  if (!problem.allow.empty()) response.headers.push_back({"Allow", problem.allow});
  // RFC 9110, section 12.5.3: what to send instead.
  if (info.kind == ProblemKind::kUnsupportedEncoding) {
    response.headers.push_back({"Accept-Encoding", "gzip"});
  }
  if (info.status == 401) response.headers.push_back({"WWW-Authenticate", "Bearer"});
  if (info.transient) response.headers.push_back({"Retry-After", "1"});

  std::string& body = response.body;
  fmt::format_to(std::back_inserter(body), "{{\"type\":\"urn:djps:problem:{}\",", info.slug);
  AppendMember(body, "title", info.title);
  fmt::format_to(std::back_inserter(body), "\"status\":{},", info.status);
  if (!problem.detail.empty()) AppendMember(body, "detail", problem.detail);
  AppendMember(body, "code", ErrorName(info.code));
  if (!problem.held_by.empty()) AppendMember(body, "held_by", problem.held_by);
  if (!problem.errors.empty()) AppendFieldProblems(body, problem.errors);
  AppendMember(body, "request_id", request_id);
  body.back() = '}';
  return response;
}

}  // namespace djps::server
