#include "server/routes/key_header.h"

#include <fmt/format.h>

#include <iterator>
#include <string_view>
#include <utility>

#include "core/json_members.h"
#include "core/json_text.h"
#include "core/option_limits.h"

namespace djps::server {
namespace {

static_assert(kBatchJobsMax <= 10'000, "a place in a batch has at most four digits");

/// A header's value without the quotes around it.
std::string_view Unquoted(std::string_view value) {
  const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  return quoted ? value.substr(1, value.size() - 2) : value;
}

Problem HeaderProblem(std::string detail) {
  FieldProblems problems;
  problems.Add(JsonPath().Member("Idempotency-Key"), std::move(detail));
  return ValidationProblem(std::move(problems));
}

/// The key that was sent, if one was.
tl::expected<std::optional<std::string_view>, Problem> ReadKeyHeader(const Request& request) {
  const auto [first, end] = request.message.equal_range("Idempotency-Key");
  if (first == end || first->value().empty()) return std::nullopt;
  const std::string_view key = Unquoted(first->value());
  for (auto other = std::next(first); other != end; ++other) {
    if (Unquoted(other->value()) == key) continue;
    return tl::unexpected(HeaderProblem(
        fmt::format("is sent twice, as {} and as {}; send one of them", QuoteForMessage(key),
                    QuoteForMessage(Unquoted(other->value())))));
  }
  // Bytes of a header may be anything; of JSON text they are UTF-8 without NUL.
  if (!CompactJson(JsonString(key))) return tl::unexpected(HeaderProblem("must be UTF-8"));
  if (auto trouble = IdempotencyKeyTrouble(key)) {
    return tl::unexpected(HeaderProblem(*std::move(trouble)));
  }
  return key;
}

}  // namespace

std::optional<Problem> TakeKeyHeader(const Request& request, NewJob& job) {
  const auto key = ReadKeyHeader(request);
  if (!key) return key.error();
  if (!*key) return std::nullopt;
  if (job.idempotency_key && *job.idempotency_key != **key) {
    FieldProblems problems;
    problems.Add(JsonPath().Member(field_name::kIdempotencyKey),
                 fmt::format("is {}, but the header Idempotency-Key is {}; send one of them",
                             QuoteForMessage(*job.idempotency_key), QuoteForMessage(**key)));
    return ValidationProblem(std::move(problems));
  }
  job.idempotency_key = **key;
  return std::nullopt;
}

std::optional<Problem> TakeBatchKeyHeader(const Request& request, std::vector<NewJob>& jobs) {
  const auto key = ReadKeyHeader(request);
  if (!key) return key.error();
  if (!*key) return std::nullopt;
  if ((*key)->size() > kBatchKeyBytesMax) {
    return HeaderProblem(fmt::format("must be at most {} bytes long for a batch, got {}",
                                     kBatchKeyBytesMax, (*key)->size()));
  }
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (!jobs[i].idempotency_key) jobs[i].idempotency_key = fmt::format("{}/{}", **key, i);
  }
  return std::nullopt;
}

}  // namespace djps::server
