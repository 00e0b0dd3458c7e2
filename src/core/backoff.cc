#include "core/backoff.h"

#include <algorithm>

namespace djps {

std::chrono::milliseconds Backoff::Next() {
  constexpr int kDoublingsMax = 30;
  const int doublings = std::min(failures_++, kDoublingsMax);
  const auto ceiling = std::min<std::chrono::milliseconds>(cap_, base_ * (1LL << doublings));
  const double fraction = 0.1 + 0.9 * random_.Fraction();
  return std::chrono::milliseconds(
      static_cast<std::int64_t>(static_cast<double>(ceiling.count()) * fraction));
}

}  // namespace djps
