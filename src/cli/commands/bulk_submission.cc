#include "cli/commands/bulk_submission.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <thread>

#include "cli/commands/ndjson.h"
#include "cli/frame/progress.h"
#include "cli/frame/terminal.h"
#include "core/backoff.h"

namespace djps::cli {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

/// Jobs per request: large enough that the network does not matter, small enough to be one short
/// transaction.
constexpr std::size_t kBatchJobs = 500;
constexpr int kTries = 6;
constexpr milliseconds kRetryBase{200};
constexpr milliseconds kRetryCap{5'000};

bool SafeToRepeat(const std::vector<NewJob>& jobs) {
  return std::all_of(jobs.begin(), jobs.end(),
                     [](const NewJob& job) { return job.idempotency_key.has_value(); });
}

Result<std::vector<SubmittedJob>> SubmitBatch(JobsAccess& jobs, const std::vector<NewJob>& batch,
                                              bool reached_before) {
  Backoff backoff(kRetryBase, kRetryCap);
  const int tries = reached_before && SafeToRepeat(batch) ? kTries : 1;
  for (int attempt = 1;; ++attempt) {
    auto submitted = jobs.Submit(batch);
    if (submitted || submitted.error().code != ErrorCode::kUnavailable || attempt == tries) {
      return submitted;
    }
    spdlog::warn("{}; trying again", submitted.error().message);
    std::this_thread::sleep_for(backoff.Next());
  }
}

void Count(const std::vector<SubmittedJob>& submitted, BulkTotals& totals) {
  for (const SubmittedJob& job : submitted) {
    ++(job.replayed ? totals.replayed : totals.created);
    if (job.payload_differs) ++totals.payload_differs;
  }
}

/// Says what is stored, so that the user knows how to continue after a failure.
Error WithTotals(Error error, const BulkTotals& totals) {
  const std::uint64_t stored = totals.created + totals.replayed;
  error.message +=
      stored == 0
          ? " (no job of this input is stored for certain)"
          : fmt::format(" ({} before that are stored; jobs with a key may be submitted again)",
                        FormatCount(stored, "job"));
  return error;
}

}  // namespace

std::string ToSentence(const BulkTotals& totals) {
  return fmt::format("submitted {}: {} new, {} already there",
                     FormatCount(totals.created + totals.replayed, "job"),
                     FormatCount(totals.created), FormatCount(totals.replayed));
}

std::string ToJson(const BulkTotals& totals) {
  return fmt::format(R"({{"submitted":{},"created":{},"replayed":{},"payload_differs":{}}})",
                     totals.created + totals.replayed, totals.created, totals.replayed,
                     totals.payload_differs);
}

Result<void> BulkInput::Open(const std::string& from) {
  standard_input_ = from == "-";
  name_ = standard_input_ ? "standard input" : from;
  if (standard_input_) return {};
  std::error_code error;
  // Opening a folder succeeds, and reading it returns nothing.
  const bool folder = fs::is_directory(from, error);
  if (!folder) file_.open(from, std::ios::binary);
  if (folder || !file_) {
    return Failure(ErrorCode::kInvalidArgument, fmt::format("cannot read the file {}", from),
                   "--from");
  }
  const auto size = fs::file_size(from, error);  // fails for a pipe
  if (!error) size_ = size;
  return {};
}

std::istream& BulkInput::stream() { return standard_input_ ? std::cin : file_; }

Result<BulkTotals> SubmitAll(JobsAccess& jobs, BulkInput& input, bool show_progress) {
  BulkTotals totals;
  NdjsonReader reader(input.stream(), input.name());
  Progress progress(show_progress, input.size());
  while (true) {
    const auto batch = reader.Next(kBatchJobs);
    if (!batch) return tl::unexpected<Error>(WithTotals(batch.error(), totals));
    if (batch->jobs.empty()) return totals;
    const auto submitted = SubmitBatch(jobs, batch->jobs, totals.created + totals.replayed > 0);
    if (!submitted) {
      Error error = submitted.error();
      error.message = fmt::format("lines {} to {} of {}: {}", batch->first_line, batch->last_line,
                                  input.name(), error.message);
      return tl::unexpected<Error>(WithTotals(std::move(error), totals));
    }
    Count(*submitted, totals);
    progress.Update(reader.bytes_read(), totals.created + totals.replayed);
  }
}

}  // namespace djps::cli
