#include "core/job_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/json_text.h"
#include "core/option_limits.h"

namespace djps {
namespace {

using std::chrono::milliseconds;

/// The limits of Postgres's numeric, in digits before and after the point.
constexpr std::int64_t kWholeDigitsMax = 131'072;
constexpr std::int64_t kFractionDigitsMax = 16'383;
/// Larger exponents are treated like this one.
constexpr std::int64_t kExponentClamp = 10'000'000;

/// Whether a value is stored as it is, as nearly all are: too short for a number that is too long,
/// too few brackets to nest too deep, and nothing that looks like an exponent. Loops without
/// branches, in which the compiler looks at many bytes at once; MeasureJson takes them one by one.
bool IsPlain(std::string_view json) {
  using Byte = std::uint8_t;
  if (json.size() > static_cast<std::size_t>(kFractionDigitsMax)) return false;
  unsigned brackets = 0;
  for (const char c : json) brackets += static_cast<Byte>(c == '[') | static_cast<Byte>(c == '{');
  Byte exponents = 0;
  for (std::size_t i = 1; i < json.size(); ++i) {
    const auto digit = static_cast<Byte>(json[i - 1] - '0');
    const bool mark = (json[i] | 0x20) == 'e';
    exponents =
        static_cast<Byte>(exponents | (static_cast<Byte>(digit < 10) & static_cast<Byte>(mark)));
  }
  return exponents == 0 && brackets <= kJsonDepthMax;
}

std::int64_t ReadExponent(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  std::int64_t exponent = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), exponent);
  if (read.ec != std::errc() || exponent > kExponentClamp) exponent = kExponentClamp;
  return negative ? -exponent : exponent;
}

/// Adds the length of a number when it is printed.
void MeasureNumber(std::string_view number, JsonExtent& extent) {
  const std::size_t mark = number.find_first_of("eE");
  if (mark == std::string_view::npos && number.size() <= kFractionDigitsMax) {
    extent.bytes += number.size();
    return;
  }
  const std::string_view mantissa = number.substr(0, mark);
  const std::int64_t exponent =
      mark == std::string_view::npos ? 0 : ReadExponent(number.substr(mark + 1));
  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  const std::size_t sign = mantissa.starts_with('-') ? 1 : 0;
  const auto before = static_cast<std::int64_t>(point - sign);
  const auto behind =
      static_cast<std::int64_t>(mantissa.size() - std::min(point + 1, mantissa.size()));
  const std::int64_t whole = std::max<std::int64_t>(before + exponent, 1);
  const std::int64_t fraction = std::max<std::int64_t>(behind - exponent, 0);
  if (whole > kWholeDigitsMax || fraction > kFractionDigitsMax) extent.numeric = false;
  extent.bytes += sign + static_cast<std::size_t>(whole + fraction + (fraction > 0 ? 1 : 0));
}

template <typename List, typename Check>
void CheckEach(std::vector<FieldError>& errors, std::string_view field, const List& list,
               Check check) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (auto trouble = check(list[i])) {
      errors.push_back({fmt::format("{}[{}]", field, i), std::move(*trouble)});
    }
  }
}

void Add(std::vector<FieldError>& errors, std::string_view field,
         std::optional<std::string> trouble) {
  if (trouble) errors.push_back({std::string(field), std::move(*trouble)});
}

std::optional<std::string> DurationTrouble(milliseconds value, milliseconds min, milliseconds max) {
  if (value >= min && value <= max) return std::nullopt;
  return fmt::format("must be from {} to {} ms, got {}", min.count(), max.count(), value.count());
}

std::optional<std::string> DelayTrouble(milliseconds value) {
  return DurationTrouble(value, milliseconds(0), kDelayMax);
}

void Append(std::vector<FieldError>& errors, std::vector<FieldError> more) {
  errors.insert(errors.end(), std::make_move_iterator(more.begin()),
                std::make_move_iterator(more.end()));
}

}  // namespace

JsonExtent MeasureJson(std::string_view json) {
  JsonExtent extent;
  std::size_t depth = 0;
  for (std::size_t i = 0; i < json.size();) {
    const char c = json[i];
    std::size_t end = i + 1;
    if (c == '"') {
      while (end < json.size() && json[end] != '"') end += json[end] == '\\' ? 2 : 1;
      end = std::min(end + 1, json.size());
    } else if (c == '-' || (c >= '0' && c <= '9')) {
      end = std::min(json.find_first_of(",]} \t\r\n", i), json.size());
      MeasureNumber(json.substr(i, end - i), extent);
      i = end;
      continue;
    } else if (c == '[' || c == '{') {
      extent.depth = std::max(extent.depth, ++depth);
    } else if (c == ']' || c == '}') {
      --depth;
    }
    extent.bytes += end - i;
    i = end;
  }
  return extent;
}

std::optional<std::string> JsonTrouble(std::string_view json, std::size_t bytes_max) {
  if (json.size() > bytes_max) {
    return fmt::format("must be at most {} bytes of JSON, got {}", bytes_max, json.size());
  }
  if (IsPlain(json)) return std::nullopt;
  const JsonExtent extent = MeasureJson(json);
  if (!extent.numeric) {
    return fmt::format(
        "holds a number that Postgres cannot store: at most {} digits before the "
        "point and {} behind it",
        kWholeDigitsMax, kFractionDigitsMax);
  }
  if (extent.depth > kJsonDepthMax) {
    return fmt::format("nests deeper than {} levels", kJsonDepthMax);
  }
  if (extent.bytes > bytes_max) {
    return fmt::format(
        "must be at most {} bytes of JSON with its numbers written out (1e9 counts "
        "as 1000000000), got {}",
        bytes_max, extent.bytes);
  }
  return std::nullopt;
}

std::optional<std::string> TextTrouble(std::string_view text, std::size_t bytes_min,
                                       std::size_t bytes_max) {
  if (text.size() < bytes_min || text.size() > bytes_max) {
    return fmt::format("must be a text of {} to {} bytes, got {}", bytes_min, bytes_max,
                       text.size());
  }
  std::string quoted;
  AppendJsonString(quoted, text);
  if (!CompactJson(quoted)) return "must be UTF-8 without NUL";
  return std::nullopt;
}

std::optional<std::string> TimeTrouble(Timestamp time) {
  // The same limits as for runAt.
  for (FieldError& error : Validate(NewJob{.type = "t", .run_at = time})) {
    return std::move(error.detail);
  }
  return std::nullopt;
}

std::vector<FieldError> ValidateRetry(const RetryPolicy& retry) {
  std::vector<FieldError> errors;
  Add(errors, "retry.baseMs", DelayTrouble(retry.base));
  // Written so that it is also true for NaN.
  if (!(retry.factor >= 1 && retry.factor <= kFactorMax)) {
    Add(errors, "retry.factor",
        fmt::format("must be a number from 1 to {}, got {}", kFactorMax, retry.factor));
  }
  Add(errors, "retry.capMs", DelayTrouble(retry.cap));
  Add(errors, "retry.delayMs", DelayTrouble(retry.delay));
  const bool list = retry.kind == RetryPolicy::Kind::kList;
  if (retry.delays.size() > kDelaysMax || (list && retry.delays.empty())) {
    Add(errors, "retry.delaysMs",
        fmt::format("must hold 1 to {} delays, got {}", kDelaysMax, retry.delays.size()));
  }
  CheckEach(errors, "retry.delaysMs", retry.delays, DelayTrouble);
  return errors;
}

std::vector<FieldError> ValidateUnique(const Uniqueness& unique) {
  std::vector<FieldError> errors;
  if (unique.fields.size() > kUniqueFieldsMax) {
    Add(errors, "unique.fields",
        fmt::format("may hold at most {} paths, got {}", kUniqueFieldsMax, unique.fields.size()));
  }
  const auto text = [](const std::string& one) {
    return TextTrouble(one, 1, kIdempotencyKeyBytesMax);
  };
  CheckEach(errors, "unique.fields", unique.fields, text);
  if (unique.key) Add(errors, "unique.key", text(*unique.key));
  if (unique.period) {
    Add(errors, "unique.periodMs", DurationTrouble(*unique.period, milliseconds(1), kDelayMax));
  }
  return errors;
}

std::vector<FieldError> ValidateOptions(const NewJob& job) {
  std::vector<FieldError> errors;
  if (job.delay && job.run_at) {
    Add(errors, "delayMs", "and runAt exclude each other; send one of them");
  }
  if (job.delay) Add(errors, "delayMs", DelayTrouble(*job.delay));
  if (job.key_lifetime && !job.idempotency_key) {
    Add(errors, "keyLifetimeMs", "needs an idempotencyKey");
  }
  if (job.key_lifetime) {
    Add(errors, "keyLifetimeMs", DurationTrouble(*job.key_lifetime, kKeyLifetimeMin, kDelayMax));
  }
  if (job.tags.size() > kTagsMax) {
    Add(errors, "tags", fmt::format("may be at most {}, got {}", kTagsMax, job.tags.size()));
  }
  CheckEach(errors, "tags", job.tags,
            [](const std::string& tag) { return TextTrouble(tag, 1, kTagBytesMax); });
  if (job.metadata) {
    auto trouble = JsonTrouble(*job.metadata, kMetadataBytesMax);
    if (!trouble && !job.metadata->starts_with('{')) {
      trouble = fmt::format("must be an object, got {}", ShortenForMessage(*job.metadata));
    }
    Add(errors, "metadata", std::move(trouble));
  }
  if (job.retry) Append(errors, ValidateRetry(*job.retry));
  if (job.timeout) {
    Add(errors, "timeoutMs", DurationTrouble(*job.timeout, milliseconds(1), kTimeoutMax));
  }
  if (job.finish_by) Add(errors, "finishBy", TimeTrouble(*job.finish_by));
  if (job.unique) Append(errors, ValidateUnique(*job.unique));
  return errors;
}

}  // namespace djps
