#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json_text.h"
#include "djps/job.h"
#include "server/http/problem.h"

namespace djps::server {

/// What kind of JSON value a member has.
enum class JsonKind { kNull, kBool, kNumber, kString, kArray, kObject };

/// The members of one submitted job as they were sent, before they become a NewJob. Judging waits
/// for the end of the object: only then is known which of two equal names was the last, and all
/// that is wrong can be said at once.
class JobDraft {
 public:
  /// One more member: `text` is the string itself for strings, else compact JSON; for the payload
  /// it is compact JSON always. `nul_at`: where in it a NUL is. A name sent twice: the last wins.
  void Add(std::string_view name, JsonKind kind, std::string text, std::optional<JsonPath> nul_at);

  /// Does the member of this name keep its value as JSON, even where that is a string?
  static bool KeepsJson(std::string_view name);

  /// The job, and what is wrong with it; `where` is the job's own place. The draft is empty then.
  NewJob Finish(const JsonPath& where, FieldProblems& problems);

 private:
  static constexpr std::size_t kFieldCount = 7;

  struct Member {
    JsonKind kind = JsonKind::kNull;
    std::string text;
    std::optional<JsonPath> nul_at;
    bool camel = false;  ///< Sent under its camelCase name.
    bool snake = false;  ///< Sent under its snake_case name.
    bool wrong = false;  ///< Something was said about it already.

    bool present() const { return (camel || snake) && kind != JsonKind::kNull; }
  };

  class Judge;

  /// Reads what was sent of the options.
  void FinishOptions(NewJob& job, const JsonPath& where, FieldProblems& problems);

  std::array<Member, kFieldCount> members_;
  std::string options_;  // the members of a JSON object: options as they were sent
  struct LargeOption {
    std::string name;
    std::size_t bytes = 0;
  };
  std::optional<LargeOption> too_large_;  // the first for which there was no room
  std::vector<std::string> unknown_;      // the first kFieldProblemsMax names that are no field
  std::size_t unknown_count_ = 0;
};

}  // namespace djps::server
