#include "core/validation.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "core/json_text.h"
#include "core/text.h"

namespace djps {
namespace {

constexpr std::size_t kMessageBytesMax = 64;

// FormatTimestamp writes four digits of year, and Postgres's own calendar ends later.
constexpr Timestamp kRunAtEnd = std::chrono::sys_days(std::chrono::year(10'000) / 1 / 1);

bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == ':' || c == '/' || c == '-';
}

bool IsUtf8Continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U; }

bool HasControlCharacter(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f) return true;
    // U+0080..U+009F, the second block of controls, are the bytes c2 80..c2 9f.
    if (byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::optional<std::string> NameTrouble(std::string_view name) {
  if (name.empty()) return "must not be empty";
  if (name.size() > kNameBytesMax) {
    return fmt::format("must be at most {} bytes long, got {}", kNameBytesMax, name.size());
  }
  if (!std::all_of(name.begin(), name.end(), IsNameByte)) {
    return fmt::format("may hold only A-Z a-z 0-9 _ . : / - , got {}", QuoteForMessage(name));
  }
  return std::nullopt;
}

std::optional<std::string> WorkerNameTrouble(std::string_view name) {
  if (name.empty()) return "must not be empty";
  if (name.size() > kNameBytesMax) {
    return fmt::format("must be at most {} bytes long, got {}", kNameBytesMax, name.size());
  }
  if (CleanText(name, name.size()) != name) return "must be UTF-8 without NUL";
  if (HasControlCharacter(name)) {
    return fmt::format("must not hold control characters, got {}", QuoteForMessage(name));
  }
  return std::nullopt;
}

std::optional<std::string> IdempotencyKeyTrouble(std::string_view key) {
  if (key.empty()) return "must not be empty; leave it out for a job without a key";
  if (key.size() > kIdempotencyKeyBytesMax) {
    return fmt::format("must be at most {} bytes long, got {}", kIdempotencyKeyBytesMax,
                       key.size());
  }
  if (HasControlCharacter(key)) {
    return fmt::format("must not hold control characters, got {}", QuoteForMessage(key));
  }
  return std::nullopt;
}

std::vector<FieldError> Validate(const NewJob& job) {
  std::vector<FieldError> errors;
  const auto check = [&errors](std::string_view field, std::optional<std::string> trouble) {
    if (trouble) errors.push_back({std::string(field), std::move(*trouble)});
  };
  check(field_name::kType, NameTrouble(job.type));
  check(field_name::kQueue, NameTrouble(job.queue));
  if (job.payload.size() > kPayloadBytesMax) {
    check(field_name::kPayload, fmt::format("must be at most {} bytes of JSON, got {}",
                                            kPayloadBytesMax, job.payload.size()));
  }
  if (job.max_attempts < 1 || job.max_attempts > kMaxAttemptsLimit) {
    check(field_name::kMaxAttempts, fmt::format("must be an integer from 1 to {}, got {}",
                                                kMaxAttemptsLimit, job.max_attempts));
  }
  if (job.run_at && (*job.run_at < Timestamp{} || *job.run_at >= kRunAtEnd)) {
    check(field_name::kRunAt, "must be in the years 1970 to 9999 (UTC)");
  }
  if (job.idempotency_key) {
    check(field_name::kIdempotencyKey, IdempotencyKeyTrouble(*job.idempotency_key));
  }
  return errors;
}

std::string ShortenForMessage(std::string_view text) {
  if (text.size() <= kMessageBytesMax) return std::string(text);
  std::size_t end = kMessageBytesMax;
  while (end > 0 && IsUtf8Continuation(text[end])) --end;
  return std::string(text.substr(0, end)) + "...";
}

std::string QuoteForMessage(std::string_view text) {
  std::string quoted;
  AppendJsonString(quoted, ShortenForMessage(text));
  return quoted;
}

}  // namespace djps
