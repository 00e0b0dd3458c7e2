#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <vector>

#include "store/history_store.h"
#include "support/store_fixture.h"

namespace djps::test_support {

/// A job that was submitted days ago.
struct OldJob {
  int days = 10;
  std::string state = "succeeded";  ///< Or canceled, dead, queued, running.
  std::string queue = "default";
  std::string key = {};
  std::string tag = {};
  int ended_days = -1;  ///< -1: on the day it was submitted.
};

/// Jobs of past days, and the steps that delete them. Tests make old jobs; they never wait for time
/// to pass.
class HistoryTest : public StoreTest {
 protected:
  HistoryTest() {
    sql_.Run(R"(
create sequence old_jobs;
create function old_id(days integer) returns uuid language sql volatile as $$
  select (left(djps.uuid_floor((((now() at time zone 'UTC')::date - days)::timestamp
                                at time zone 'UTC') + interval '1 hour')::text, 14)
          || '7000-8000-' || lpad(to_hex(nextval('old_jobs')), 10, '0') || '00')::uuid;
$$;
create function make_day(days integer) returns void language sql volatile as $$
  select djps.make_partition(parent, (now() at time zone 'UTC')::date - days)
  from unnest(array['facts', 'outcomes', 'attempts']) parent;
$$;)");
  }

  Uuid Make(const OldJob& job) {
    sql_.Run(fmt::format("select make_day({})", job.days));
    const std::string id = sql_.Value(fmt::format("select old_id({})", job.days));
    const std::string then = fmt::format("now() - interval '{} days'", job.days);
    sql_.Run(fmt::format(
        "insert into djps.facts (id, created_at, run_at, lane, priority, max_attempts, queue, "
        "type, "
        "payload, tags, idempotency_key) values ('{0}', {1}, {1}, 0, 0, 25, '{2}', 't', '1', {3}, "
        "{4})",
        id, then, job.queue, job.tag.empty() ? "null" : "array['" + job.tag + "']",
        job.key.empty() ? "null" : "'" + job.key + "'"));
    if (!job.key.empty()) {
      sql_.Run(
          fmt::format("insert into djps.idempotency_keys (lane, type, key, job_id, "
                      "payload_hash, created_at) values (0, 't', '{}', '{}', 0, {})",
                      job.key, id, then));
    }
    if (job.state == "queued") {
      sql_.Run(fmt::format(
          "insert into djps.ready (id, visible_at, lane, priority, attempts, failed, queue, type) "
          "select id, run_at, 0, 0, 0, false, queue, type from djps.facts where id = '{}'",
          id));
    } else if (job.state == "running") {
      sql_.Run(
          fmt::format("insert into djps.leases (id, expires_at, claimed_at, lane, worker, "
                      "job_ids, attempts) values ('{0}', now() + interval '1 h', now(), 0, "
                      "'w', array['{0}']::uuid[], '{{1}}')",
                      id));
    } else {
      sql_.Run(fmt::format(
          "insert into djps.attempts (job_id, started_at, ended_at, lane, attempt, error_class, "
          "message, detail, worker) values ('{0}', {1}, {1}, 0, 1, 'c', 'm', 'd', 'w'); "
          "insert into djps.outcomes (id, finished_at, status, lane, attempts) "
          "values ('{0}', now() - interval '{2} days', '{3}', 0, 2)",
          id, then, job.ended_days < 0 ? job.days : job.ended_days, job.state));
    }
    return *Uuid::Parse(id);
  }

  std::vector<Uuid> Make(int count, const OldJob& job) {
    std::vector<Uuid> ids;
    for (int i = 0; i < count; ++i) ids.push_back(Make(job));
    return ids;
  }

  std::string Step() { return Run(history_.RunStep(1'000, Soon())); }

  /// Takes steps until one is `wanted`.
  void StepTo(const std::string& wanted) {
    for (int i = 0; i < 500; ++i) {
      if (Step() == wanted) return;
    }
    FAIL() << "no step was " << wanted;
  }

  /// The step that follows is the swap.
  void StepToSwap() {
    StepTo("began");
    while (sql_.Value("select phase from djps.history_work") != "swap") Step();
  }

  bool Exists(Uuid id) { return Run(jobs_.FindJob(id, Soon())).has_value(); }

  /// Each of them is in facts once and in nothing twice.
  void ExpectSound() {
    EXPECT_EQ(sql_.Value("select count(*) from djps.facts"),
              sql_.Value("select count(distinct id) from djps.facts"));
    EXPECT_EQ(sql_.Value("select count(*) from djps.outcomes"),
              sql_.Value("select count(distinct id) from djps.outcomes"));
    EXPECT_EQ(sql_.Value("select count(*) from djps.jobs"),
              sql_.Value("select count(*) from djps.facts"));
    EXPECT_EQ(sql_.Value("select count(*) from djps.outcomes o where not exists (select from "
                         "djps.facts f where f.id = o.id)"),
              "0");
    EXPECT_EQ(sql_.Value("select count(*) from djps.attempts a where not exists (select from "
                         "djps.facts f where f.id = a.job_id)"),
              "0");
  }

  /// No table but the parents' partitions, no note of work in progress.
  void ExpectTidy() {
    EXPECT_EQ(
        sql_.Value("select count(*) from pg_class c where c.relnamespace = 'djps'::regnamespace "
                   "and c.relname ~ '^(facts|outcomes|attempts)_' and c.relkind = 'r' "
                   "and not c.relispartition"),
        "0");
    EXPECT_EQ(sql_.Value("select count(*) from pg_trigger where tgname = 'djps_note_change'"), "0");
    EXPECT_EQ(Count("history_work"), "0");
    EXPECT_EQ(Count("history_changes"), "0");
  }

  std::string KeptParts() {
    return sql_.Value(
        "select count(*) from pg_inherits i join pg_class c on c.oid = i.inhrelid "
        "where i.inhparent = 'djps.facts'::regclass and c.relname ~ '_k[0-9]+$'");
  }

  bool DayIsThere(int days) {
    return sql_.Value(fmt::format(
               "select to_regclass('djps.facts_' || to_char((now() at time zone 'UTC')::date - {}, "
               "'YYYYMMDD')) is not null",
               days)) == "t";
  }

  void Keep(const std::string& queue, JobStatus status, std::optional<std::chrono::hours> keep) {
    const store::RetentionRule rule{.queue = queue, .status = status, .keep = keep};
    Run(history_.SetRetention(rule, false, "ann", Soon()));
  }

  store::HistoryStore history_{*pool_};
};

}  // namespace djps::test_support
