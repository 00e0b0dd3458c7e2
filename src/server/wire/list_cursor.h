#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "store/list_store.h"

namespace djps::server {

/// No cursor is longer.
inline constexpr std::size_t kCursorBytesMax = 1'024;

/// Everything that decides which jobs are in a list and in which order, as text.
std::string ListScope(const store::ListRequest& request);

/// A place in a list as text that goes into a URL as it is. It carries a check sum over itself and
/// over `scope`, which stands for the rest of the request: a cursor that was changed, or is used
/// with other filters, is refused instead of leaving jobs out.
std::string WriteCursor(const store::ListPosition& position, std::string_view scope);

/// Nothing when `text` was not written by WriteCursor for the same scope.
std::optional<store::ListPosition> ReadCursor(std::string_view text, std::string_view scope);

}  // namespace djps::server
