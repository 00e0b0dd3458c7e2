#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "djps/job.h"
#include "server/wire/fields.h"

namespace djps::server {

/// The optional members of a submission, in camelCase.
inline constexpr std::array<std::string_view, 8> kOptionNames = {
    "delayMs", "keyLifetimeMs", "tags", "metadata", "retry", "timeoutMs", "finishBy", "unique"};

/// Whether this is one of them, in camelCase or snake_case.
bool IsOptionName(std::string_view name);

/// Reads them into `job`; `fields` collects the errors.
void ReadJobOptions(Fields& fields, NewJob& job);

/// Reads the members of a retry policy.
RetryPolicy ReadRetryPolicy(Fields& fields);

}  // namespace djps::server
