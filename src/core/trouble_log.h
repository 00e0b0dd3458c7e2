#pragma once

#include <chrono>
#include <map>
#include <string>

namespace djps {

/// Decides what a retrying loop logs: one line when trouble begins and one when it is over, not one
/// per try. Trouble that comes and goes is logged again only after it has been away for a while.
class TroubleLog {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr std::chrono::seconds kForgotten{60};

  /// Call it each time the trouble occurs. True: log it.
  bool Begins(const std::string& trouble, Clock::time_point now = Clock::now());

  /// Call it when all is well. True: logged trouble is over; log that too.
  bool Ends();

 private:
  static constexpr std::size_t kTextsMax = 32;

  std::map<std::string, Clock::time_point> met_;  // when each occurred last
  bool said_ = false;                             // since trouble last ended
};

}  // namespace djps
