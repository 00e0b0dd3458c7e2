#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace djps::bench {

/// Makes payloads of one size: {"at":N,"pad":"..."}.
class PayloadMaker {
 public:
  explicit PayloadMaker(std::size_t bytes);

  /// `due`: when the job should be sent, for the latency of its pickup; without, none is measured.
  std::string Make(std::optional<std::chrono::steady_clock::time_point> due = {}) const;

 private:
  std::size_t bytes_;
  std::string pad_;  // text that does not compress
};

/// The time in a payload made with one. It is this machine's CLOCK_MONOTONIC.
std::optional<std::chrono::steady_clock::time_point> ReadDueTime(std::string_view payload);

}  // namespace djps::bench
