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

/// The JSON type of a member's value.
enum class JsonKind { kNull, kBool, kNumber, kString, kArray, kObject };

/// The members of one submitted job as sent, before they become a NewJob. They are checked at the
/// end of the object: only then it is known which of two equal names was the last, and all errors
/// are reported at once.
class JobDraft {
 public:
  /// Adds a member: `text` is the string itself for strings, else compact JSON; for the payload
  /// always compact JSON. `nul_at`: the position of a NUL in it. If a name is sent twice, the last
  /// wins.
  void Add(std::string_view name, JsonKind kind, std::string text, std::optional<JsonPath> nul_at);

  /// Whether the member of this name keeps its value as JSON, even a string.
  static bool KeepsJson(std::string_view name);

  /// Returns the job and adds its errors; `where` is the place of the job. `key`: its idempotency
  /// key if it has none of its own. The draft is empty afterwards.
  NewJob Finish(const JsonPath& where, std::optional<std::string> key, FieldProblems& problems);

 private:
  static constexpr std::size_t kFieldCount = 7;

  struct Member {
    JsonKind kind = JsonKind::kNull;
    std::string text;
    std::optional<JsonPath> nul_at;
    bool camel = false;  ///< Sent under its camelCase name.
    bool snake = false;  ///< Sent under its snake_case name.
    bool wrong = false;  ///< An error was reported already.

    bool present() const { return (camel || snake) && kind != JsonKind::kNull; }
  };

  class Judge;

  /// Reads the options that were sent.
  void FinishOptions(NewJob& job, const JsonPath& where, FieldProblems& problems);

  std::array<Member, kFieldCount> members_;
  std::string options_;  // members of a JSON object: the options as sent
  struct LargeOption {
    std::string name;
    std::size_t bytes = 0;
  };
  std::optional<LargeOption> too_large_;  // the first that exceeds the limit
  std::vector<std::string> unknown_;      // the first kFieldProblemsMax unknown names
  std::size_t unknown_count_ = 0;
};

}  // namespace djps::server
