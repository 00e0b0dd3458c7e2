#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "djps/result.h"

namespace djps::embedded {

/// The user that runs PostgreSQL and owns its files.
struct ServerUser {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  ///< Used only when `switches`.
  bool switches = false;      ///< We are root and children must become this user first.
};

/// The current user; for root, which PostgreSQL refuses, `postgres` or else `nobody`.
///
/// Errors: kUnsupported if root finds neither.
Result<ServerUser> FindServerUser();

}  // namespace djps::embedded
