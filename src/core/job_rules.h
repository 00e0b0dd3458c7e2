#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/validation.h"
#include "djps/job.h"

namespace djps {

/// What may be stored of a job: the rules that the server, djps::Client, workers and the command
/// line share. SQL has the same in djps.job_trouble; tests/integration/job_rules_test.cc feeds
/// every case to all of them.

/// What jsonb makes of a JSON value: it keeps numbers without an exponent, so 1e1000 is stored in a
/// few bytes and printed as 1,001.
struct JsonExtent {
  std::size_t bytes = 0;  ///< Of the text, all numbers written out.
  std::size_t depth = 0;  ///< Arrays and objects inside each other.
  bool numeric = true;    ///< Each number is one that Postgres can hold.
};

/// Measures valid JSON in one pass; white space counts as it is.
JsonExtent MeasureJson(std::string_view json);

/// Why valid, compact JSON may not be stored in a field of `bytes_max` bytes (at least 1 KiB), as
/// "must be ..., got ..."; nothing when it may. Costs a comparison for short values.
std::optional<std::string> JsonTrouble(std::string_view json, std::size_t bytes_max);

/// Everything that is wrong with the options of a job: what Validate does not look at. Fields are
/// named as in HTTP ("retry.delaysMs"). That the metadata is JSON is not looked at here.
std::vector<FieldError> ValidateOptions(const NewJob& job);

/// The same for one policy, one kind of uniqueness.
std::vector<FieldError> ValidateRetry(const RetryPolicy& retry);
std::vector<FieldError> ValidateUnique(const Uniqueness& unique);

/// Why a time is none that a job may have; nothing when it is one.
std::optional<std::string> TimeTrouble(Timestamp time);

/// Why a text cannot be stored: it is not UTF-8 without NUL of so many bytes.
std::optional<std::string> TextTrouble(std::string_view text, std::size_t bytes_min,
                                       std::size_t bytes_max);

}  // namespace djps
