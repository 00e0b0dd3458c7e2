#pragma once

#include <cstdint>

namespace djps::server {

/// What a caller may do. Each role stands for one kind of caller; docs/http-api.md has the table of
/// which role may use which route.
enum class Role : std::uint8_t {
  kNone,     ///< Anybody, also without a token: health and the documents of the API.
  kSubmit,   ///< Programs that submit jobs and look after their own.
  kWork,     ///< Workers.
  kRead,     ///< People and dashboards that look.
  kOperate,  ///< People that change things.
  kAdmin,    ///< Those who hand out tokens.
};

}  // namespace djps::server
