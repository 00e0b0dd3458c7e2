#pragma once

#include <optional>
#include <string>

#include "djps/job.h"

namespace djps {

/// Why a unique job stays as it is, and what to do: the words of every error about it, without a
/// capital and a full stop. `holder` has its place. `status` is the holder's, looked up afterwards;
/// nothing: the holder is gone.
std::string PlaceTaken(Uuid holder, std::optional<JobStatus> status);

}  // namespace djps
