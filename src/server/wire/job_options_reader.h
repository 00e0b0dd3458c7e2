#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "djps/job.h"
#include "server/wire/fields.h"

namespace djps::server {

/// The members of a submission that not every job has, in camelCase.
inline constexpr std::array<std::string_view, 8> kOptionNames = {
    "delayMs", "keyLifetimeMs", "tags", "metadata", "retry", "timeoutMs", "finishBy", "unique"};

/// Is this one of them, in either spelling?
bool IsOptionName(std::string_view name);

/// Reads them into `job`; what is wrong is collected by `fields`.
void ReadJobOptions(Fields& fields, NewJob& job);

/// Reads the members of a retry policy.
RetryPolicy ReadRetryPolicy(Fields& fields);

}  // namespace djps::server
