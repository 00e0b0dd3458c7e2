#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/json_text.h"
#include "server/http/response.h"

namespace djps::server {

/// All ways in which a request can fail. problem.cc has the table with the status and title of
/// each.
enum class ProblemKind {
  kMalformedRequest,
  kMalformedJson,
  kMalformedId,
  kUnauthorized,
  kForbidden,
  kUnknownPath,
  kJobNotFound,
  kTokenNotFound,
  kAuditNotFound,
  kMethodNotAllowed,
  kWrongState,
  kUniqueConflict,
  kLeaseLost,
  kRequestTimeout,
  kTokenNameTaken,
  kBodyTooLarge,
  kUriTooLong,
  kUnsupportedMediaType,
  kUnsupportedEncoding,
  kValidationFailed,
  kKeyReused,
  kQueueFull,
  kHeadersTooLarge,
  kInternal,
  kUnavailable,
  kOverloaded,
  kTooManyConnections,
};

/// Maximum number of invalid fields that an answer lists. A batch may have 10,000.
inline constexpr std::size_t kFieldProblemsMax = 20;

/// One error in a request body, and its place.
struct FieldProblem {
  JsonPath path;
  std::string detail;
};

/// Collects the errors of a body: keeps the first kFieldProblemsMax, counts the rest.
class FieldProblems {
 public:
  void Add(JsonPath path, std::string detail);
  /// Whether there is room for more. If not, describing further errors is of no use.
  bool open() const { return kept_.size() < kFieldProblemsMax; }
  void Count(std::size_t more) { count_ += more; }

  std::size_t count() const { return count_; }
  std::vector<FieldProblem> Take() { return std::move(kept_); }

 private:
  std::vector<FieldProblem> kept_;
  std::size_t count_ = 0;
};

/// Why a request was not carried out: the content of a problem document (RFC 9457).
struct Problem {
  ProblemKind kind = ProblemKind::kInternal;
  std::string detail;  ///< A sentence for people.
  std::vector<FieldProblem> errors = {};
  std::string allow = {};    ///< For kMethodNotAllowed: the allowed methods.
  std::string held_by = {};  ///< For kUniqueConflict: the job that has the place.
};

/// A kValidationFailed with the collected errors.
Problem ValidationProblem(FieldProblems problems);

/// The HTTP answer for `problem`.
Response ProblemResponse(const Problem& problem, std::string_view request_id);

}  // namespace djps::server
