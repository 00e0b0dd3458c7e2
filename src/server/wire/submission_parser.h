#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "djps/job.h"
#include "server/http/problem.h"

namespace djps::server {

/// Reads the body of POST /jobs or POST /jobs/batch.
///
/// The payload is not parsed into a tree: its text is rebuilt token by token without white space,
/// so that numbers reach Postgres exactly as sent and never pass through a double. Of equal names
/// the last wins, at the top and inside the payload (as in jsonb).
///
/// The body may be fed in arbitrary pieces. The returned jobs are valid (core/validation.h).
class SubmissionParser {
 public:
  enum class Shape { kOneJob, kBatch };

  /// `key`: the idempotency key of a job without one of its own. In a batch "/" and the job's
  /// place, from 0, come behind it.
  explicit SubmissionParser(Shape shape, std::optional<std::string> key = std::nullopt);
  ~SubmissionParser();
  SubmissionParser(const SubmissionParser&) = delete;
  SubmissionParser& operator=(const SubmissionParser&) = delete;

  void Feed(std::string_view piece);

  /// The jobs, one for Shape::kOneJob; or all their errors. Call it once, at the end.
  tl::expected<std::vector<NewJob>, Problem> Finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

tl::expected<NewJob, Problem> ParseSubmission(std::string_view body);
tl::expected<std::vector<NewJob>, Problem> ParseBatch(std::string_view body);

}  // namespace djps::server
