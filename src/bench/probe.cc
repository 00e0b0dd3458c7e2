#include "bench/probe.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "bench/process_memory.h"
#include "djps/error.h"

namespace djps::bench {
namespace {

std::uint64_t ToNumber(const std::string& text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// Jobs of this benchmark. The submitter puts its estimate of the database's time into ids, which
/// may be slightly off; created_at is exact.
std::string Mine(const std::string& began) {
  return fmt::format(
      "f.id >= djps.uuid_floor('{0}'::timestamptz - interval '1 minute') "
      "and f.created_at >= '{0}'::timestamptz and f.queue = '{1}' and f.type = '{2}'",
      began, kQueue, kType);
}

}  // namespace

Probe::Probe(const std::string& conninfo) : session_(conninfo) {
  session_.Run("set client_min_messages = warning; set search_path = pg_catalog");
  began_ = session_.Value("select clock_timestamp()::text");
  LogBytes();
}

Result<void> Probe::TakeQueue() {
  const std::string other = session_.Value(fmt::format(
      "select type from djps.ready where queue = '{}' and type <> '{}' limit 1", kQueue, kType));
  if (!other.empty()) {
    return Failure(ErrorCode::kConflict,
                   fmt::format("the queue \"{}\" holds jobs that are not a benchmark's (such as of "
                               "the type \"{}\"); use another database, or let them end first",
                               kQueue, other));
  }
  const std::string running = session_.Value(fmt::format(
      "select count(*) from djps.leases l join djps.facts f on f.lane = l.lane and f.id = any "
      "(l.job_ids) where f.queue = '{}' and l.expires_at > clock_timestamp()",
      kQueue));
  if (running != "0") {
    return Failure(ErrorCode::kConflict,
                   fmt::format("{} jobs of the queue \"{}\" are running: another benchmark, or one "
                               "that was killed less than 10 s ago; try again in a moment",
                               running, kQueue));
  }
  session_.Run(fmt::format(
      "with gone as (delete from djps.ready where queue = '{}' and type = '{}' returning id, lane) "
      "delete from djps.facts f using gone g where f.id = g.id and f.lane = g.lane",
      kQueue, kType));
  return {};
}

std::uint64_t Probe::LogBytes() {
  const std::string now = session_.Value("select pg_current_wal_insert_lsn()");
  const std::string before = std::exchange(log_at_, now);
  if (before.empty()) return 0;
  return ToNumber(
      session_.Value(fmt::format("select pg_wal_lsn_diff('{}', '{}')::bigint", now, before)));
}

bool Probe::Busy() {
  return session_.Value(fmt::format(
             "select exists (select from djps.ready where lane = 0 and queue = '{}') "
             "or exists (select from djps.leases l where exists (select from djps.facts f "
             "where f.lane = l.lane and f.id = l.job_ids[1] and f.queue = '{}'))",
             kQueue, kQueue)) == "t";
}

Probe::Counts Probe::CountJobs() {
  // In one pass: a long run has tens of millions.
  const pg::ResultHandle counts = session_.Run(
      fmt::format("select count(*) as submitted, count(o.id) as ended, "
                  "count(*) filter (where o.status = 'succeeded') as succeeded "
                  "from djps.facts f "
                  "left join djps.outcomes o on o.id = f.id and o.lane = f.lane where {}",
                  Mine(began_)));
  const auto count = [&counts](const char* column) {
    return ToNumber(PQgetvalue(counts.get(), 0, PQfnumber(counts.get(), column)));
  };
  const std::uint64_t submitted = count("submitted");
  const std::uint64_t ended = count("ended");
  const std::uint64_t succeeded = count("succeeded");
  return {submitted, succeeded, submitted - ended};
}

void Probe::RemoveJobs() {
  session_.Run(fmt::format(
      "begin;"
      "create temporary table bench_jobs on commit drop as "
      "  select f.id, f.lane from djps.facts f where {};"
      "analyze bench_jobs;"
      "delete from djps.ready r using bench_jobs b where r.id = b.id and r.lane = b.lane;"
      "delete from djps.attempts a using bench_jobs b where a.job_id = b.id and a.lane = b.lane;"
      "delete from djps.outcomes o using bench_jobs b where o.id = b.id and o.lane = b.lane;"
      "delete from djps.facts f using bench_jobs b where f.id = b.id and f.lane = b.lane;"
      "delete from djps.claim_cursors where queue = '{}';"
      "commit",
      Mine(began_), kQueue));
}

std::optional<std::uint64_t> Probe::ServerMemory() {
  return bench::ServerMemory(static_cast<pid_t>(PQbackendPID(session_.handle())));
}

std::string Probe::Version() { return session_.Value("show server_version"); }

boost::json::object Probe::Settings() {
  boost::json::object settings;
  for (const char* name : {"fsync", "synchronous_commit", "full_page_writes", "shared_buffers",
                           "max_wal_size", "checkpoint_timeout", "wal_compression", "autovacuum"}) {
    settings[name] = session_.Value(fmt::format("show {}", name));
  }
  return settings;
}

HeldTransaction::HeldTransaction(const std::string& conninfo, Hold hold) {
  if (hold == Hold::kNothing) return;
  session_.emplace(conninfo);
  session_->Run("set search_path = pg_catalog");
  if (hold == Hold::kSnapshot) {
    session_->Run("begin isolation level repeatable read");
    // The first read takes the snapshot; an id of its own holds back what only looks at those.
    session_->Run("select count(*) from djps.migrations; select pg_current_xact_id()");
  } else {
    session_->Run("begin");
    session_->Run(
        fmt::format("select djps.enqueue('{}', '{{}}'::jsonb, queue => '{}')", kType, kQueue));
  }
}

}  // namespace djps::bench
