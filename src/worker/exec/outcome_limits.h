#pragma once

#include <cstddef>

namespace djps::worker {

/// What is kept of an outcome, as djps/outcome.h promises it.
inline constexpr std::size_t kResultBytesMax = std::size_t{1024} * 1024;
inline constexpr std::size_t kDetailBytesMax = std::size_t{8} * 1024;

}  // namespace djps::worker
