#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace djps::cli {

/// The progress of a long submission, on one line of standard error that is overwritten.
class Progress {
 public:
  /// `total_bytes`: the size of the whole input, if known. Prints nothing unless `shown`.
  Progress(bool shown, std::optional<std::uint64_t> total_bytes)
      : shown_(shown), total_bytes_(total_bytes) {}
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Update(std::uint64_t bytes, std::uint64_t jobs);

 private:
  bool shown_;
  std::optional<std::uint64_t> total_bytes_;
  bool drawn_ = false;
};

/// "[#########           ]  45%  4,213 jobs"; without a total only the number of jobs.
std::string FormatProgress(std::optional<std::uint64_t> total_bytes, std::uint64_t bytes,
                           std::uint64_t jobs);

}  // namespace djps::cli
