#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace djps {

/// Random bytes from the kernel, fetched in blocks. Unguessable: good enough for lease tokens.
/// Thread-safety: one thread at a time.
class RandomSource {
 public:
  void Fill(std::span<std::uint8_t> out);

  /// Even over [0, 1).
  double Fraction();

 private:
  std::array<std::uint8_t, 512> block_{};
  std::size_t used_ = sizeof(block_);
};

}  // namespace djps
