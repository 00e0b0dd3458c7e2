#include "cli/frame/poll_pause.h"

#include <algorithm>
#include <thread>

namespace djps::cli {

using std::chrono::milliseconds;

void PollPause::Sleep() {
  constexpr milliseconds kLongest{1'000};
  std::this_thread::sleep_for(std::min(next_, left()));
  next_ = std::min(next_ * 2, kLongest);
}

milliseconds PollPause::left() const {
  return std::chrono::ceil<milliseconds>(until_ - std::chrono::steady_clock::now());
}

}  // namespace djps::cli
