#pragma once

#include <cstddef>

namespace djps::worker {

/// The limits of a stored outcome, as documented in djps/outcome.h.
inline constexpr std::size_t kResultBytesMax = std::size_t{1024} * 1024;
inline constexpr std::size_t kDetailBytesMax = std::size_t{8} * 1024;

}  // namespace djps::worker
