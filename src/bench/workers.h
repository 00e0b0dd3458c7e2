#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/board.h"
#include "bench/settings.h"
#include "os/child.h"
#include "os/unique_fd.h"

namespace djps::bench {

/// Worker processes, each a djps::Worker as a program would have it. They are made at once but
/// begin only when told to, so that they can be forked before anything else has begun.
class Workers {
 public:
  /// `board` must have a slot for each and outlive them.
  Workers(const std::string& conninfo, const WorkSettings& settings, Board& board);
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  /// Lets them connect and claim.
  void Begin();

  /// Throws std::runtime_error when one has ended by itself.
  void Check();

  /// The largest that one of them has had in memory.
  std::optional<std::uint64_t> PeakMemory() const;

  /// Lets them finish what they run, and waits for them.
  void Stop();

 private:
  std::vector<os::Child> children_;
  os::UniqueFd begin_;  ///< Closed to let them begin.
};

}  // namespace djps::bench
