#include "cli/commands/ndjson.h"

#include <fmt/format.h>

#include "cli/link/job_text.h"
#include "core/validation.h"

namespace djps::cli {
namespace {

/// A payload at its largest, written with white space and escapes.
constexpr std::size_t kLineBytesMax = 4 * kPayloadBytesMax;
/// A batch ends once it has this many bytes; the server accepts eight times as much.
constexpr std::size_t kBatchBytesMax = 8U << 20U;

bool IsBlank(const std::string& line) {
  return line.find_first_not_of(" \t\r") == std::string::npos;
}

}  // namespace

NdjsonReader::LineEnd NdjsonReader::ReadLine(std::string& line) {
  using Traits = std::istream::traits_type;
  line.clear();
  std::streambuf& buffer = *input_.rdbuf();
  for (auto c = buffer.sbumpc();; c = buffer.sbumpc()) {
    if (Traits::eq_int_type(c, Traits::eof())) {
      return line.empty() ? LineEnd::kEndOfInput : LineEnd::kLine;
    }
    ++bytes_read_;
    const char character = Traits::to_char_type(c);
    if (character == '\n') return LineEnd::kLine;
    if (line.size() == kLineBytesMax) return LineEnd::kTooLong;
    line += character;
  }
}

Result<JobBatch> NdjsonReader::Next(std::size_t jobs_max) {
  JobBatch batch;
  std::size_t bytes = 0;
  std::string line;
  while (batch.jobs.size() < jobs_max && bytes < kBatchBytesMax) {
    const LineEnd end = ReadLine(line);
    if (end == LineEnd::kEndOfInput) break;
    ++line_;
    const auto refuse = [this](std::string_view why) {
      return Failure(ErrorCode::kInvalidArgument,
                     fmt::format("line {} of {}: {}", line_, name_, why));
    };
    if (end == LineEnd::kTooLong) {
      return refuse(fmt::format("is longer than {} bytes", kLineBytesMax));
    }
    if (IsBlank(line)) continue;
    auto job = ReadSubmission(line);
    if (!job) return refuse(job.error().message);
    if (batch.jobs.empty()) batch.first_line = line_;
    batch.last_line = line_;
    bytes += line.size();
    batch.jobs.push_back(*std::move(job));
  }
  return batch;
}

}  // namespace djps::cli
