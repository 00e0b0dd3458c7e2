#pragma once

#include <chrono>
#include <map>
#include <string>

namespace djps {

/// Decides what a loop that tries again and again says to the log: one line when trouble begins and
/// one when it is over, not one per try. Trouble that comes and goes is not said again before it
/// has stayed away for a while.
class TroubleLog {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr std::chrono::seconds kForgotten{60};

  /// Call it each time that the trouble is met. True: write it to the log.
  bool Begins(const std::string& trouble, Clock::time_point now = Clock::now());

  /// Call it when all is well. True: trouble that was written to the log is over; write that, too.
  bool Ends();

 private:
  static constexpr std::size_t kTextsMax = 32;

  std::map<std::string, Clock::time_point> met_;  // when each was last met
  bool said_ = false;                             // since the last end
};

}  // namespace djps
