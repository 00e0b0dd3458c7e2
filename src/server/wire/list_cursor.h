#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "store/list_store.h"

namespace djps::server {

/// The length of the longest cursor.
inline constexpr std::size_t kCursorBytesMax = 1'024;

/// The filters and the order of a list, as text.
std::string ListScope(const store::ListRequest& request);

/// A place in a list, as URL-safe text. It has a checksum over itself and over `scope`, the rest of
/// the request: a cursor that was changed, or is used with other filters, is refused instead of
/// omitting jobs.
std::string WriteCursor(const store::ListPosition& position, std::string_view scope);

/// Nothing if `text` was not written by WriteCursor for the same scope.
std::optional<store::ListPosition> ReadCursor(std::string_view text, std::string_view scope);

}  // namespace djps::server
