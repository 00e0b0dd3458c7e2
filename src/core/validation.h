#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "djps/job.h"

namespace djps {

/// The names of a new job's fields, as JSON and error messages have them.
namespace field_name {
inline constexpr std::string_view kType = "type";
inline constexpr std::string_view kPayload = "payload";
inline constexpr std::string_view kQueue = "queue";
inline constexpr std::string_view kPriority = "priority";
inline constexpr std::string_view kRunAt = "runAt";
inline constexpr std::string_view kMaxAttempts = "maxAttempts";
inline constexpr std::string_view kIdempotencyKey = "idempotencyKey";
}  // namespace field_name

/// Long enough for "team.service/operation", short enough for an index entry.
inline constexpr std::size_t kNameBytesMax = 128;
/// Room for two UUIDs and a word; an index entry in Postgres holds at most 2,704 bytes.
inline constexpr std::size_t kIdempotencyKeyBytesMax = 255;
/// 1 MiB: larger payloads slow every claim down. A job should refer to large data, not contain it.
inline constexpr std::size_t kPayloadBytesMax = 1U << 20U;

/// A wrong field and its error: "must be ..., got ...".
struct FieldError {
  std::string field;
  std::string detail;

  bool operator==(const FieldError&) const = default;
};

/// All errors of `job`; empty if it may be stored. Does not check that `payload` is JSON: it comes
/// from a JSON parser or from CompactJson.
std::vector<FieldError> Validate(const NewJob& job);

/// The error of a name of a type or queue, as "must be ..."; nothing if it is valid.
std::optional<std::string> NameTrouble(std::string_view name);

/// The same for the name of a worker: any text of 1 to kNameBytesMax bytes without control
/// characters.
std::optional<std::string> WorkerNameTrouble(std::string_view name);

/// The same for an idempotency key.
std::optional<std::string> IdempotencyKeyTrouble(std::string_view key);

/// `text` in quotes for an error message: escaped, and shortened if it is long.
std::string QuoteForMessage(std::string_view text);

/// `text` shortened for an error message, never inside a character.
std::string ShortenForMessage(std::string_view text);

}  // namespace djps
