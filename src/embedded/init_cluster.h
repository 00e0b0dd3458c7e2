#pragma once

#include <filesystem>

#include "djps/result.h"
#include "embedded/cluster.h"
#include "embedded/server_log.h"
#include "embedded/server_user.h"

namespace djps::embedded {

inline constexpr const char* kRole = "djps";
/// Not a secret: everyone who can enter the data folder can read everything in it.
inline constexpr const char* kPassword = "djps";
inline constexpr const char* kDatabase = "djps";

/// Creates the cluster unless it exists; checks that it is ours and of the right version.
///
/// It gets its final name only when complete and on disk, so that a crash never leaves a partial
/// cluster under that name.
///
/// Errors: kUnsupported, kUnavailable.
Result<void> EnsureCluster(const ClusterConfig& config, const ServerUser& user,
                           const ServerLog& log);

}  // namespace djps::embedded
