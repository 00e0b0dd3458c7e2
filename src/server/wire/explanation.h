#pragma once

#include <string>

#include "store/state_store.h"

namespace djps::server {

/// Why a job is not running now, as one sentence for people.
std::string ExplainInWords(const store::JobReason& reason);

/// The answer to GET /jobs/{id}/explain.
void AppendExplanation(std::string& out, const store::JobReason& reason);

}  // namespace djps::server
