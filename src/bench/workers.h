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

/// Worker processes, each with a djps::Worker like a user's program. They are forked at
/// construction, before other threads exist, but begin only on request.
class Workers {
 public:
  /// `board` must have a slot for each and outlive them.
  Workers(const std::string& conninfo, const WorkSettings& settings, Board& board);
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  /// Lets them connect and claim.
  void Begin();

  /// Throws std::runtime_error if one has ended.
  void Check();

  /// The largest peak memory of one of them.
  std::optional<std::uint64_t> PeakMemory() const;

  /// Lets them finish what they run, and waits for them.
  void Stop();

 private:
  std::vector<os::Child> children_;
  os::UniqueFd begin_;  ///< Closed to let them begin.
};

}  // namespace djps::bench
