-- 0001_schema: where jobs live. Why it is laid out like this: docs/decisions/0001-storage-layout.md
--
--   facts      what was asked, once, never updated          append only, partitioned by id
--   ready      what can be claimed, now or later            small; a claim deletes the row
--   leases     what is running: one row per claimed batch   small; the row's id is the fencing token
--   outcomes   how a job ended                              append only, partitioned by id
--   attempts   what went wrong on the way                   append only, partitioned by id
--   idempotency_keys   which job a (type, key) names        only for jobs that have a key
--   jobs       the view that puts a job together again, with every field and its status
--
-- The invariant everything rests on: a live job's id is in exactly one row of `ready` or in exactly
-- one lease; a finished job has exactly one outcome and is in neither. A job that has a fact and is
-- in none of the three is `running` only in the eyes of a snapshot; each transition is one statement.
--
-- Lane: the low 6 bits of a job's id, so that the schema can be spread over several machines by DDL
-- alone. One machine uses lane 0. Every statement on these tables names the lane.
--
-- Locks: creates new objects only. Old binaries: none exist.

create type djps.job_status as enum ('queued', 'running', 'succeeded', 'failed', 'canceled', 'dead');

create table djps.facts (
  id              uuid        not null,                -- UUIDv7: ordered by creation
  created_at      timestamptz not null,
  run_at          timestamptz not null,                -- claimable from here; never before created_at
  lane            smallint    not null,
  priority        smallint    not null,                -- the smaller number runs first
  max_attempts    smallint    not null,
  queue           text collate "C" not null,
  type            text collate "C" not null,
  idempotency_key text,
  payload         jsonb       not null,
  primary key (id, lane),
  constraint facts_max_attempts_range check (max_attempts between 1 and 1000)
) partition by range (id);

create table djps.outcomes (
  id          uuid            not null,
  finished_at timestamptz     not null,
  status      djps.job_status not null,
  lane        smallint        not null,
  attempts    smallint        not null,
  result      jsonb,
  primary key (id, lane),
  constraint outcomes_status_terminal check (status in ('succeeded', 'canceled', 'dead'))
) partition by range (id);

create table djps.attempts (
  job_id      uuid        not null,
  started_at  timestamptz not null,
  ended_at    timestamptz not null,
  lane        smallint    not null,
  attempt     smallint    not null,
  error_class text        not null,
  message     text        not null,
  detail      text        not null,
  worker      text        not null
) partition by range (job_id);
create index attempts_job_idx on djps.attempts (job_id, ended_at);

create table djps.ready (
  id         uuid        not null,
  visible_at timestamptz not null,                     -- claimable from here
  -- When the row was put back by a retry, a snooze or a hand. Null while the row is where its fact
  -- says (queue, priority, run_at): such rows are found by that position and need no index on id.
  moved_at   timestamptz,
  lane       smallint    not null,
  priority   smallint    not null,
  attempts   smallint    not null,                     -- used so far
  failed     boolean     not null,                     -- the last attempt failed: shown as `failed`
  queue      text collate "C" not null,
  type       text collate "C" not null,
  constraint ready_claim_key unique (lane, queue, priority, visible_at, id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
        autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 200000,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000);
create index ready_moved_idx on djps.ready (id) where moved_at is not null;

create table djps.leases (
  id         uuid        not null,                     -- the fencing token, random, made by the claimer
  expires_at timestamptz not null,
  claimed_at timestamptz not null,
  lane       smallint    not null,
  worker     text        not null,
  job_ids    uuid[]      not null,                     -- still running under this lease
  attempts   smallint[]  not null,                     -- the attempt number of each, in the same order
  primary key (id, lane)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
create index leases_expiry_idx on djps.leases (lane, expires_at);

create table djps.idempotency_keys (
  lane         smallint    not null,
  type         text collate "C" not null,
  key          text collate "C" not null,
  job_id       uuid        not null,
  payload_hash bigint      not null,                   -- jsonb_hash_extended: equal for equal payloads
  created_at   timestamptz not null,
  primary key (lane, type, key)
);

-- A job as a person sees it. One row per fact; the status is derived, never stored.
create view djps.jobs as
select
  f.id,
  f.type,
  f.queue,
  f.payload,
  case
    when o.id is not null then o.status
    when r.id is null then 'running'
    when r.failed then 'failed'
    else 'queued'
  end as status,
  coalesce(r.priority, f.priority) as priority,
  coalesce(r.visible_at, f.run_at) as run_at,
  coalesce(o.attempts, r.attempts, l.attempts[array_position(l.job_ids, f.id)], 0::smallint) as attempts,
  f.max_attempts,
  f.idempotency_key,
  f.created_at,
  coalesce(o.finished_at, r.moved_at, l.claimed_at, f.created_at) as updated_at,
  o.finished_at,
  o.result,
  l.id as lease_token,
  l.worker,
  l.expires_at as lease_expires_at
from djps.facts f
left join djps.outcomes o on o.id = f.id and o.lane = f.lane
left join lateral (
  -- At its fact's own place, or moved: exactly one of the two, or none when it is running.
  select r0.* from djps.ready r0
  where r0.lane = f.lane and r0.queue = f.queue and r0.priority = f.priority
    and r0.visible_at = f.run_at and r0.id = f.id and r0.moved_at is null
  union all
  select r1.* from djps.ready r1
  where r1.id = f.id and r1.lane = f.lane and r1.moved_at is not null
) r on o.id is null
left join lateral (
  select l0.* from djps.leases l0
  where l0.lane = f.lane and f.id = any (l0.job_ids)
  limit 1
) l on o.id is null and r.id is null;

comment on view djps.jobs is
  'Every job with its status and core fields, put together from facts, ready, leases and outcomes.';
