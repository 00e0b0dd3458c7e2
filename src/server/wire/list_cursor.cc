#include "server/wire/list_cursor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "core/json_members.h"
#include "core/time_text.h"
#include "pg/wire.h"

namespace djps::server {
namespace {

using pg::DecodeInt;
using pg::EncodeInt;

constexpr char kVersion = 1;
constexpr std::size_t kUuidBytes = 16;
constexpr std::size_t kCheckBytes = sizeof(std::uint64_t);
/// Version, id, priority, time.
constexpr std::size_t kFixedBytes = 1 + kUuidBytes + sizeof(std::int16_t) + sizeof(std::int64_t);
constexpr std::string_view kHexDigits = "0123456789abcdef";

/// FNV-1a, 64 bits: against mistakes. Forging a cursor would gain nothing.
std::uint64_t CheckOf(std::string_view bytes, std::string_view scope) {
  constexpr std::uint64_t kOffset = 0xcbf29ce484222325;
  constexpr std::uint64_t kPrime = 0x100000001b3;
  std::uint64_t check = kOffset;
  for (const std::string_view part : {bytes, scope}) {
    for (const char c : part) check = (check ^ static_cast<std::uint8_t>(c)) * kPrime;
  }
  return check;
}

std::string ToHex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    text += kHexDigits[static_cast<std::uint8_t>(c) >> 4U];
    text += kHexDigits[static_cast<std::uint8_t>(c) & 0xfU];
  }
  return text;
}

std::optional<std::string> FromHex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const std::size_t high = kHexDigits.find(text[i]);
    const std::size_t low = kHexDigits.find(text[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    bytes += static_cast<char>(high << 4U | low);
  }
  return bytes;
}

}  // namespace

std::string ListScope(const store::ListRequest& request) {
  const store::JobFilter& filter = request.filter;
  std::string scope =
      fmt::format("{}|{}|{}|{}|{}|", static_cast<int>(request.order), filter.type, filter.queue,
                  JsonString(filter.tag), JsonString(filter.idempotency_key));
  for (const JobStatus status : filter.statuses) scope.append(StatusName(status)) += ',';
  for (const auto& time : {filter.created_from, filter.created_until}) {
    scope += '|';
    if (time) scope += FormatTimestamp(*time);
  }
  return scope;
}

std::string WriteCursor(const store::ListPosition& position, std::string_view scope) {
  std::string bytes(1, kVersion);
  bytes.append(reinterpret_cast<const char*>(position.id.bytes.data()), kUuidBytes);
  EncodeInt(bytes, position.priority);
  EncodeInt<std::int64_t>(bytes, position.visible_at.time_since_epoch().count());
  bytes += position.queue;
  EncodeInt(bytes, static_cast<std::int64_t>(CheckOf(bytes, scope)));
  return ToHex(bytes);
}

std::optional<store::ListPosition> ReadCursor(std::string_view text, std::string_view scope) {
  const auto decoded = FromHex(text);
  if (!decoded || decoded->size() < kFixedBytes + kCheckBytes) return std::nullopt;
  const std::string_view all = *decoded;
  std::string_view bytes = all.substr(0, all.size() - kCheckBytes);
  const auto check = static_cast<std::uint64_t>(DecodeInt<std::int64_t>(all.substr(bytes.size())));
  if (check != CheckOf(bytes, scope) || bytes.front() != kVersion) return std::nullopt;
  bytes.remove_prefix(1);
  store::ListPosition position;
  std::memcpy(position.id.bytes.data(), bytes.data(), kUuidBytes);
  bytes.remove_prefix(kUuidBytes);
  position.priority = DecodeInt<std::int16_t>(bytes.substr(0, sizeof(std::int16_t)));
  bytes.remove_prefix(sizeof(std::int16_t));
  position.visible_at = Timestamp(
      std::chrono::microseconds(DecodeInt<std::int64_t>(bytes.substr(0, sizeof(std::int64_t)))));
  bytes.remove_prefix(sizeof(std::int64_t));
  position.queue = bytes;
  return position;
}

}  // namespace djps::server
