#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/validation.h"
#include "djps/job.h"

namespace djps {

/// The rules for valid jobs, shared by the server, djps::Client, workers and the command line. SQL
/// has the same rules in djps.job_trouble; tests/integration/job_rules_test.cc checks every case
/// against all of them.

/// The size of a JSON value as jsonb prints it: without exponents, so 1e1000 is stored in a few
/// bytes and printed as 1,001.
struct JsonExtent {
  std::size_t bytes = 0;  ///< The length of the text with all numbers written out.
  std::size_t depth = 0;  ///< The nesting depth of arrays and objects.
  bool numeric = true;    ///< Each number is one that Postgres can hold.
};

/// Measures valid JSON in one pass; white space counts too.
JsonExtent MeasureJson(std::string_view json);

/// Why valid, compact JSON may not be stored in a field of `bytes_max` bytes (at least 1 KiB), as
/// "must be ..., got ..."; nothing when it may. Costs a comparison for short values.
std::optional<std::string> JsonTrouble(std::string_view json, std::size_t bytes_max);

/// All errors in the options of a job, which Validate does not check. Fields are named as in HTTP
/// ("retry.delaysMs"). Does not check that the metadata is JSON.
std::vector<FieldError> ValidateOptions(const NewJob& job);

/// The same for one policy, one kind of uniqueness.
std::vector<FieldError> ValidateRetry(const RetryPolicy& retry);
std::vector<FieldError> ValidateUnique(const Uniqueness& unique);

/// Why a job cannot have this time; nothing if it can.
std::optional<std::string> TimeTrouble(Timestamp time);

/// Why a text cannot be stored: it is not UTF-8, has a NUL, or is too long.
std::optional<std::string> TextTrouble(std::string_view text, std::size_t bytes_min,
                                       std::size_t bytes_max);

}  // namespace djps
