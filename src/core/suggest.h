#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace djps {

/// The candidate that was probably meant by a mistyped `word`; nothing when none is near.
std::optional<std::string> SuggestNearest(std::string_view word,
                                          const std::vector<std::string>& candidates);

}  // namespace djps
