#pragma once

#include <memory>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "djps/job.h"
#include "server/http/problem.h"

namespace djps::server {

/// Reads the body of POST /jobs or POST /jobs/batch.
///
/// No tree of the payload is built: its text is put together again without white space, token by
/// token, so that numbers reach Postgres exactly as they were sent, none passing through a double.
/// Of equal names the last wins, at the top as inside the payload (as jsonb has it).
///
/// The body may be fed in pieces cut anywhere. The jobs given back are valid (core/validation.h).
class SubmissionParser {
 public:
  enum class Shape { kOneJob, kBatch };

  explicit SubmissionParser(Shape shape);
  ~SubmissionParser();
  SubmissionParser(const SubmissionParser&) = delete;
  SubmissionParser& operator=(const SubmissionParser&) = delete;

  void Feed(std::string_view piece);

  /// The jobs, one for Shape::kOneJob; or everything that is wrong with them. Once, at the end.
  tl::expected<std::vector<NewJob>, Problem> Finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

tl::expected<NewJob, Problem> ParseSubmission(std::string_view body);
tl::expected<std::vector<NewJob>, Problem> ParseBatch(std::string_view body);

}  // namespace djps::server
