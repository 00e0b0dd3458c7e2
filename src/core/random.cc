#include "core/random.h"

#include <sys/random.h>

#include <cstring>

#include "core/check.h"

namespace djps {

void RandomSource::Fill(std::span<std::uint8_t> out) {
  DJPS_CHECK(out.size() <= block_.size());
  if (block_.size() - used_ < out.size()) {
    const auto got = getrandom(block_.data(), block_.size(), 0);
    DJPS_CHECK(got == static_cast<ssize_t>(block_.size()));
    used_ = 0;
  }
  std::memcpy(out.data(), block_.data() + used_, out.size());
  used_ += out.size();
}

double RandomSource::Fraction() {
  std::array<std::uint8_t, 8> bytes{};
  Fill(bytes);
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return static_cast<double>(value >> 11) * 0x1.0p-53;
}

}  // namespace djps
