#include "pg/params.h"

#include <limits>

namespace djps::pg {
namespace {

constexpr std::size_t kNullOffset = std::numeric_limits<std::size_t>::max();

}  // namespace

std::vector<const char*> Params::Values() const {
  std::vector<const char*> values;
  values.reserve(offsets_.size());
  for (const std::size_t offset : offsets_) {
    values.push_back(offset == kNullOffset ? nullptr : buffer_.data() + offset);
  }
  return values;
}

void Params::Begin(Type type) {
  types_.push_back(type);
  offsets_.push_back(buffer_.size());
}

void Params::End() { lengths_.push_back(static_cast<int>(buffer_.size() - offsets_.back())); }

void Params::EndNull() {
  offsets_.back() = kNullOffset;
  lengths_.push_back(0);
}

void Params::PatchLength(std::size_t start) {
  const auto length = static_cast<std::uint32_t>(buffer_.size() - start - 4);
  for (int i = 0; i < 4; ++i) buffer_[start + i] = static_cast<char>(length >> (24 - 8 * i));
}

}  // namespace djps::pg
