#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include "djps/job.h"

namespace djps::test_support {

/// Valid but odd jobs: each value at a limit of its column or of a submission.
class OddRows {
 public:
  explicit OddRows(std::uint64_t seed) : random_(seed) {}

  /// Statements that put a row into the tables directly, as older versions or other programs may
  /// have stored it; they return its id. Of the queue default and the type t.
  std::string Row() {
    const std::string_view moved = Pick({"null", "null", "now()", "'-infinity'", "'infinity'"});
    return fmt::format(
        "with fact as (insert into djps.facts (id, created_at, run_at, lane, priority, "
        "max_attempts, queue, type, idempotency_key, payload, timeout_ms, finish_by, retry, tags, "
        "metadata) values ({}, {}, {}, 0, {}, {}, 'default', 't', {}, {}, {}, {}, {}, {}, {}) "
        "returning *), place as (insert into djps.ready (id, visible_at, moved_at, finish_by, "
        "lane, priority, attempts, failed, queue, type) "
        "select id, {}, {}, finish_by, 0, {}, {}, {}, "
        "queue, type from fact) select id from fact",
        Id(), Time(), Time(), Priority(), Pick({"1", "25", "1000"}), Key(), Payload(),
        Pick({"null", "0", "1", "-1", "2147483647", "-2147483648"}), TimeOrNull(), Retry(), Tags(),
        Metadata(), moved == "null" ? "run_at" : Time(), moved,
        moved == "null" ? "priority" : Priority(),
        Pick({"0", "0", "1", "24", "32766", "32767", "-32768"}), Pick({"true", "false"}));
  }

  /// A submission in SQL; it gives back the job's id.
  std::string Call() {
    return fmt::format(
        "select djps.enqueue('t', {}, priority => {}, max_attempts => {}, run_at => {}, "
        "metadata => {}, retry => {})",
        Payload(), Pick({"-32768", "0", "32767"}), Pick({"1", "1000"}),
        Pick({"null", "'1970-01-01Z'", "'9999-12-31Z'"}), Pick({"null", "'{}'", "'{\"a\":null}'"}),
        Pick({"null", "null", R"('{"kind":"fixed","delay_ms":1}')",
              R"('{"kind":"exponential","base_ms":1,"factor":100}')"}));
  }

  /// A submission in C++.
  NewJob Job() {
    using namespace std::chrono_literals;
    constexpr Timestamp kLast = std::chrono::sys_days(std::chrono::year(9999) / 12 / 31);
    NewJob job{.type = "t", .payload = std::string(Pick({"null", "0", "[]", "\"\"", "{}"}))};
    job.priority = Chance(2) ? std::int16_t{-32'768} : std::int16_t{32'767};
    job.max_attempts = Chance(2) ? 1 : 1'000;
    if (Chance(2)) job.run_at = Chance(2) ? Timestamp{} : kLast;
    if (Chance(2)) job.finish_by = Chance(2) ? Timestamp{} : kLast;
    if (Chance(2)) job.timeout = Chance(2) ? 1ms : 2'147'483'647ms;
    if (Chance(2)) job.metadata = R"({"":{"":[null]}})";
    for (int i = Chance(2) ? 20 : 0; i > 0; --i) {
      job.tags.push_back(std::string(125, '%') + std::to_string(100 + i));
    }
    return job;
  }

  bool Chance(int one_in) { return random_() % static_cast<unsigned>(one_in) == 0; }

 private:
  template <std::size_t kSize>
  std::string_view Pick(const char* const (&values)[kSize]) {
    return values[random_() % kSize];
  }

  /// Of this lane, whose number is in the last bits; some of them of no day that has a partition.
  std::string Id() {
    if (Chance(2)) return "djps.new_job_id(0::int2)";
    return fmt::format("'{}-8000-{:010x}00'",
                       Pick({"00000000-0000-0000", "ffffffff-ffff-ffff", "017f22e2-79b0-7cc3"}),
                       ++count_);
  }
  std::string_view Time() {
    return Pick({"now()", "now() - interval '25 hours'", "'-infinity'", "'infinity'",
                 "'4713-01-01 00:00:00+00 BC'", "'294276-12-31 23:59:59.999999+00'",
                 "'1970-01-01+00'", "'9999-12-31+00'"});
  }
  std::string_view TimeOrNull() { return Chance(2) ? "null" : Time(); }
  std::string_view Priority() { return Pick({"-32768", "-1", "0", "1", "32767"}); }
  std::string_view Key() {
    return Pick({"null", "''", "'ключ'", "repeat('k', 255)", "e'\\x01\\n\"'"});
  }
  std::string_view Payload() {
    return Pick({"'null'", "'0'", "'[]'", "'\"\"'", "'1e1000'", "'{\"\":{\"\":{}}}'",
                 R"('"\u0001\ud83d\ude00"')", "to_jsonb(repeat('x', 300000))",
                 "(repeat('[', 40) || repeat(']', 40))::jsonb"});
  }
  std::string_view Retry() {
    return Pick({"null", "null", "'{}'", R"('{"kind":"fixed","delay_ms":0}')",
                 R"('{"kind":"list","delays_ms":[31622400000]}')",
                 R"('{"kind":"linear","delay_ms":31622400000}')",
                 R"('{"kind":"exponential","base_ms":31622400000,"factor":100}')"});
  }
  std::string_view Tags() {
    return Pick({"null", "null", "'{}'", "'{\"\"}'", "array[repeat('t', 128)]", "'{{a,b},{c,d}}'"});
  }
  std::string_view Metadata() {
    return Pick({"null", "'{}'", "'[]'", "'1'", "'null'", "'{\"a\":null}'"});
  }

  std::mt19937_64 random_;
  int count_ = 0;
};

}  // namespace djps::test_support
