#pragma once

#include <string_view>

namespace djps {

/// The version of this build, from CMakeLists.txt.
inline constexpr std::string_view kVersion = DJPS_VERSION;

}  // namespace djps
