#pragma once

#include <chrono>

namespace djps::cli {

/// The pauses of a command that looks again and again until something has happened: 50 ms, doubling
/// to a second, and never beyond `until`.
class PollPause {
 public:
  explicit PollPause(std::chrono::steady_clock::time_point until) : until_(until) {}

  /// Is the time over? Then there is no use in another pause.
  bool over() const { return left().count() <= 0; }
  void Sleep();

 private:
  std::chrono::milliseconds left() const;

  std::chrono::steady_clock::time_point until_;
  std::chrono::milliseconds next_{50};
};

}  // namespace djps::cli
