#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace djps::cli {

/// How far a long submission is, on one line of standard error that is written over and over.
class Progress {
 public:
  /// `total_bytes`: of the whole input, where it is known. Silent unless `shown`.
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

/// "[#########           ]  45%  4,213 jobs"; without a total only the jobs.
std::string FormatProgress(std::optional<std::uint64_t> total_bytes, std::uint64_t bytes,
                           std::uint64_t jobs);

}  // namespace djps::cli
