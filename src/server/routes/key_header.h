#pragma once

#include <optional>
#include <vector>

#include "core/validation.h"
#include "djps/job.h"
#include "server/routes/request.h"

namespace djps::server {

/// The Idempotency-Key header (IETF draft-ietf-httpapi-idempotency-key-header): a string in quotes,
/// where many clients leave the quotes out. Sent twice, both must be the same key.

/// Behind the header of a batch comes "/" and the place of a job, up to "/9999".
inline constexpr std::size_t kBatchKeyBytesMax = kIdempotencyKeyBytesMax - 5;

/// The header of one submission means the same as the member idempotencyKey. Returns what is wrong
/// with it.
std::optional<Problem> TakeKeyHeader(const Request& request, NewJob& job);

/// The header of a batch covers each job that has no key of its own: the job's key is then the
/// header, "/" and its place in the batch, from 0. So a batch that is sent again is replayed job by
/// job, and whatever holds for keys holds for it. Returns what is wrong with the header.
std::optional<Problem> TakeBatchKeyHeader(const Request& request, std::vector<NewJob>& jobs);

}  // namespace djps::server
