#pragma once

#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "core/validation.h"
#include "djps/job.h"
#include "server/routes/request.h"

namespace djps::server {

/// The Idempotency-Key header (IETF draft-ietf-httpapi-idempotency-key-header): a string in quotes,
/// where many clients leave the quotes out. Sent twice, both must be the same key.

/// Behind the header of a batch comes "/" and the place of a job, up to "/9999".
inline constexpr std::size_t kBatchKeyBytesMax = kIdempotencyKeyBytesMax - 5;

/// The key of one submission, if one was sent: it means the same as the member idempotencyKey.
tl::expected<std::optional<std::string>, Problem> ReadKeyHeader(const Request& request);

/// The key of a batch: SubmissionParser makes of it a key for each job that has none of its own. So
/// a batch that is sent again is replayed job by job, and whatever holds for keys holds for it.
tl::expected<std::optional<std::string>, Problem> ReadBatchKeyHeader(const Request& request);

/// What is wrong if the body of one submission has another key than the header.
std::optional<Problem> OtherKeyProblem(const std::optional<std::string>& header, const NewJob& job);

}  // namespace djps::server
