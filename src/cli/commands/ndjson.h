#pragma once

#include <cstdint>
#include <istream>
#include <optional>
#include <string>
#include <vector>

#include "djps/job.h"
#include "djps/result.h"

namespace djps::cli {

/// Consecutive jobs of a file, and their line numbers.
struct JobBatch {
  std::vector<NewJob> jobs;  ///< Empty: the file has ended.
  std::uint64_t first_line = 0;
  std::uint64_t last_line = 0;
};

/// Reads NDJSON: one submission per line, as POST /jobs takes it. Empty lines are skipped.
class NdjsonReader {
 public:
  /// `name` is for messages. `input` must outlive the reader.
  NdjsonReader(std::istream& input, std::string name) : input_(input), name_(std::move(name)) {}

  /// The next jobs: at most `jobs_max`, and far fewer bytes than the server's limit of a request.
  ///
  /// Errors: kInvalidArgument, naming the line and what is wrong with it.
  Result<JobBatch> Next(std::size_t jobs_max);

  std::uint64_t bytes_read() const { return bytes_read_; }
  const std::string& name() const { return name_; }

 private:
  enum class LineEnd { kLine, kTooLong, kEndOfInput };
  LineEnd ReadLine(std::string& line);

  std::istream& input_;
  std::string name_;
  std::uint64_t line_ = 0;
  std::uint64_t bytes_read_ = 0;
};

}  // namespace djps::cli
