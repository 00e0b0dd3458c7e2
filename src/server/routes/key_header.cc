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

}  // namespace

tl::expected<std::optional<std::string>, Problem> ReadKeyHeader(const Request& request) {
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
  return std::string(key);
}

tl::expected<std::optional<std::string>, Problem> ReadBatchKeyHeader(const Request& request) {
  auto key = ReadKeyHeader(request);
  if (key && *key && (*key)->size() > kBatchKeyBytesMax) {
    return tl::unexpected(HeaderProblem(fmt::format(
        "must be at most {} bytes long for a batch, got {}", kBatchKeyBytesMax, (*key)->size())));
  }
  return key;
}

std::optional<Problem> OtherKeyProblem(const std::optional<std::string>& header,
                                       const NewJob& job) {
  if (!header || job.idempotency_key == header) return std::nullopt;
  FieldProblems problems;
  problems.Add(
      JsonPath().Member(field_name::kIdempotencyKey),
      fmt::format("is {}, but the header Idempotency-Key is {}; send one of them",
                  QuoteForMessage(job.idempotency_key.value_or("")), QuoteForMessage(*header)));
  return ValidationProblem(std::move(problems));
}

}  // namespace djps::server
