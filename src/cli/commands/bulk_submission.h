#pragma once

#include <cstdint>
#include <fstream>
#include <iosfwd>
#include <optional>
#include <string>

#include "cli/link/jobs_access.h"
#include "djps/result.h"

namespace djps::cli {

/// The result of submitting a file of jobs.
struct BulkTotals {
  std::uint64_t created = 0;
  std::uint64_t replayed = 0;
  std::uint64_t payload_differs = 0;  ///< Among the replayed jobs.
};

/// "submitted 4,213 jobs: 4,213 new, 0 already there".
std::string ToSentence(const BulkTotals& totals);
std::string ToJson(const BulkTotals& totals);

/// The file that `--from` names, or standard input.
class BulkInput {
 public:
  /// Errors: kInvalidArgument when it cannot be read.
  Result<void> Open(const std::string& from);

  std::istream& stream();
  const std::string& name() const { return name_; }
  /// Total size in bytes; unknown for standard input.
  std::optional<std::uint64_t> size() const { return size_; }

 private:
  std::ifstream file_;
  bool standard_input_ = false;
  std::string name_;
  std::optional<std::uint64_t> size_;
};

/// Submits every line, one batch at a time. If the server goes away, retries a batch for a short
/// time if every job in it has a key: only then is a repeat safe.
///
/// Errors: the first one; its message names the lines and says how many jobs are stored.
Result<BulkTotals> SubmitAll(JobsAccess& jobs, BulkInput& input, bool show_progress);

}  // namespace djps::cli
