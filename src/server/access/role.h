#pragma once

#include <cstdint>

namespace djps::server {

/// What a caller may do. Each role is for one kind of caller; docs/http-api.md has the table of
/// roles and routes.
enum class Role : std::uint8_t {
  kNone,     ///< Everyone, also without a token: health and the documents of the API.
  kSubmit,   ///< Programs that submit jobs and manage their own.
  kWork,     ///< Workers.
  kRead,     ///< People and dashboards that read.
  kOperate,  ///< People who change jobs and queues.
  kAdmin,    ///< People who make tokens.
};

}  // namespace djps::server
