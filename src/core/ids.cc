#include "core/ids.h"

#include <algorithm>

namespace djps {
namespace {

constexpr std::uint16_t kCounterMax = 0x0fff;
constexpr std::uint8_t kLaneMask = 0x3f;

void StampLaneAndVariant(Uuid& id) {
  id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3f) | 0x80);
  id.bytes[15] = static_cast<std::uint8_t>((id.bytes[15] & ~kLaneMask) | kLane);
}

}  // namespace

Uuid IdGenerator::NextJobId(Timestamp now) {
  const std::int64_t ms =
      std::chrono::floor<std::chrono::milliseconds>(now).time_since_epoch().count();
  if (ms > last_ms_) {
    last_ms_ = ms;
    counter_ = 0;
  } else if (counter_ == kCounterMax) {
    ++last_ms_;
    counter_ = 0;
  } else {
    ++counter_;
  }

  Uuid id;
  random_.Fill(std::span(id.bytes).subspan(8));
  for (std::size_t i = 0; i < 6; ++i) {
    id.bytes[i] = static_cast<std::uint8_t>(last_ms_ >> (8 * (5 - i)));
  }
  id.bytes[6] = static_cast<std::uint8_t>(0x70 | counter_ >> 8);
  id.bytes[7] = static_cast<std::uint8_t>(counter_);
  StampLaneAndVariant(id);
  return id;
}

Uuid IdGenerator::NewLeaseToken() {
  Uuid id;
  random_.Fill(id.bytes);
  id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0f) | 0x40);
  StampLaneAndVariant(id);
  return id;
}

}  // namespace djps
