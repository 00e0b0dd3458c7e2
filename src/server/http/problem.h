#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/json_text.h"
#include "server/http/response.h"

namespace djps::server {

/// Every way in which a request can fail. problem.cc has the one table of what each looks like.
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

/// How many wrong fields one answer lists. Enough for a person; a batch may hold 10,000.
inline constexpr std::size_t kFieldProblemsMax = 20;

/// One thing that is wrong with a request body, and where.
struct FieldProblem {
  JsonPath path;
  std::string detail;
};

/// Collects what is wrong with a body: keeps the first kFieldProblemsMax, counts the rest.
class FieldProblems {
 public:
  void Add(JsonPath path, std::string detail);
  /// Is there room for more? Then it is worth the while to find out what is wrong.
  bool open() const { return kept_.size() < kFieldProblemsMax; }
  void Count(std::size_t more) { count_ += more; }

  std::size_t count() const { return count_; }
  std::vector<FieldProblem> Take() { return std::move(kept_); }

 private:
  std::vector<FieldProblem> kept_;
  std::size_t count_ = 0;
};

/// Why a request was not carried out: the contents of a problem document (RFC 9457).
struct Problem {
  ProblemKind kind = ProblemKind::kInternal;
  std::string detail;  ///< A sentence for people.
  std::vector<FieldProblem> errors = {};
  std::string allow = {};    ///< For kMethodNotAllowed: what may be used instead.
  std::string held_by = {};  ///< For kUniqueConflict: the job that has the place.
};

/// A kValidationFailed for what was collected.
Problem ValidationProblem(FieldProblems problems);

/// The answer that tells a client about `problem`.
Response ProblemResponse(const Problem& problem, std::string_view request_id);

}  // namespace djps::server
