-- 0001_jobs: the tables of jobs. The reasons for this layout: docs/decisions/0001-storage-layout.md
--
--   facts      what was submitted                           append only, partitioned by id
--   ready      what can be claimed, now or later            small; a claim deletes the row
--   leases     what is running: one row per claimed batch   small; the row's id is the fencing token
--   outcomes   how a job ended                              append only, partitioned by id
--   attempts   what went wrong on the way                   append only, partitioned by id
--   idempotency_keys   which job a (type, key) names        only for jobs that have a key
--   unique_keys        which job has a place                only for unique jobs
--   job_tags           which jobs have a tag                only for jobs that have tags
--   snoozes            how often a job was snoozed          only for jobs that were
--
-- The view djps.jobs (db/views/jobs.sql) joins these tables: every field of a job and its status.
--
-- The main invariant: a live job's id is in exactly one row of `ready` or in exactly one lease. A
-- finished job has exactly one outcome and is in neither. Each transition is one statement. A snapshot
-- may show a job that has a fact and is in none of the three; the view shows it as `running`.
--
-- Lane: the low 6 bits of a job's id. Lanes make it possible to spread the schema over several machines
-- by DDL alone. One machine uses lane 0. Every statement on these tables names the lane.
--
-- Options that few jobs use cost the others nothing: their columns are null, their tables empty.
--
-- Locks: creates new objects only. Old binaries: none exist.

create type djps.job_status as enum ('queued', 'running', 'succeeded', 'failed', 'canceled', 'dead');

-- ---- Every job --------------------------------------------------------------------------------

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
  timeout_ms      integer,                             -- an attempt may take this long
  finish_by       timestamptz,                         -- no attempt starts after this
  retry           jsonb,                               -- see djps.retry_delay
  tags            text[],
  metadata        jsonb,
  "unique"        jsonb,                               -- see djps.store_unique_job
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
-- Succeeded jobs, which are nearly all, cost nothing here.
create index outcomes_unsuccessful_idx on djps.outcomes (status, id) where status <> 'succeeded';

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
-- The table has no key. A publication for all tables refuses deletes from a table without an identity.
-- Partitions do not inherit this setting: djps.set_history_options sets it for each. Postgres logs whole
-- rows for deletes only, and only with wal_level = logical.
alter table djps.attempts replica identity full;

-- For rows without a partition of their day: a clock was wrong, or the partition was not made in time.
create table djps.facts_default partition of djps.facts default;
create table djps.outcomes_default partition of djps.outcomes default;
create table djps.attempts_default partition of djps.attempts default;
alter table djps.attempts_default replica identity full;

-- Vacuum of ready and leases is slowed down: while a session holds a snapshot, vacuum reads all dead
-- rows and removes none. The measurements: docs/decisions/0010-held-snapshots.md
create table djps.ready (
  id         uuid        not null,
  visible_at timestamptz not null,                     -- claimable from here
  -- When a retry, a snooze or a person put the row back. Null while the row is where its fact says
  -- (queue, priority, run_at): such rows are found by that position and need no index on id.
  moved_at   timestamptz,
  finish_by  timestamptz,                              -- as in its fact
  lane       smallint    not null,
  priority   smallint    not null,
  attempts   smallint    not null,                     -- used so far
  failed     boolean     not null,                     -- the last attempt failed: shown as `failed`
  queue      text collate "C" not null,
  type       text collate "C" not null,
  constraint ready_claim_key unique (lane, queue, priority, visible_at, id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
        autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 200000,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000,
        autovacuum_vacuum_cost_delay = 2, autovacuum_vacuum_cost_limit = 100);
create index ready_moved_idx on djps.ready (id) where moved_at is not null;
-- Only waiting jobs with a deadline: for djps.bury_overdue.
create index ready_finish_by_idx on djps.ready (finish_by) where finish_by is not null;
-- There is no primary key: ready_claim_key has its columns in the order of claims.
alter table djps.ready replica identity using index ready_claim_key;

create table djps.leases (
  id         uuid        not null,                     -- the fencing token, random, made by the claimer
  expires_at timestamptz not null,
  claimed_at timestamptz not null,
  lane       smallint    not null,
  worker     text        not null,
  job_ids    uuid[]      not null,                     -- still running under this lease
  attempts   smallint[]  not null,                     -- the attempt number of each, in the same order
  canceled   uuid[],                                   -- their cancellation was requested
  primary key (id, lane)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 2, autovacuum_vacuum_cost_limit = 100);
-- This index does not have the lane, which is the same for all leases. With it, the planner took this
-- index for "lane and id", and each completion walked over every lease since the oldest snapshot.
create index leases_expiry_idx on djps.leases (expires_at);

-- ---- Jobs with a key, a place, tags, snoozes ---------------------------------------------------

create table djps.idempotency_keys (
  lane         smallint    not null,
  type         text collate "C" not null,
  key          text collate "C" not null,
  job_id       uuid        not null,
  payload_hash bigint      not null,                   -- of djps.plain_text: equal for equal payloads
  created_at   timestamptz not null,
  expires_at   timestamptz,                            -- null: kept as long as its job
  primary key (lane, type, key)
);
-- Only keys with a lifetime: for djps.purge_expired_keys.
create index idempotency_keys_expiry_idx on djps.idempotency_keys (expires_at)
  where expires_at is not null;

-- The places of unique jobs. A place is defined by the type and, if requested, by the queue and by the
-- payload or parts of it (djps.unique_place). The row names the latest job. The next job that needs the
-- place looks up whether that job still counts, so finishing a job costs nothing.
create table djps.unique_keys (
  lane       smallint not null,
  hash       uuid     not null,                        -- of what must be unique: djps.unique_hash
  job_id     uuid     not null,
  states     djps.job_status[] not null,               -- the job counts while it is in one of these
  expires_at timestamptz,                              -- and until then; null: no end
  primary key (lane, hash)
);
create index unique_keys_expiry_idx on djps.unique_keys (expires_at) where expires_at is not null;
-- For djps.history_sweep, which deletes the places of the jobs that it removes.
create index unique_keys_job_idx on djps.unique_keys (job_id);

-- The jobs that have a tag. Triggers write this table (db/after_functions.sql), so that every way to
-- submit is covered. For a job without tags, Postgres evaluates only the trigger's condition. Beside the
-- insert, that is too cheap to measure.
create table djps.job_tags (
  lane   smallint not null,
  tag    text collate "C" not null,
  job_id uuid     not null,
  primary key (lane, tag, job_id)
);

-- How often a job was snoozed; jobs that never were have no row. A snooze does not count as an attempt,
-- so a job could be put off for ever. Beyond djps.snooze_limit() a snooze is a failed attempt. Only
-- snoozes write this table; claims and completions do not use it. A redrive deletes the row.
create table djps.snoozes (
  job_id uuid     not null,
  lane   smallint not null,
  count  smallint not null,
  primary key (job_id, lane)
) with (fillfactor = 70);

-- ---- Types of the functions' parameters and results ----------------------------------------------

-- One job to submit, with every option. Null means the default.
create type djps.new_job as (
  type              text,
  payload           jsonb,
  queue             text,
  priority          integer,                           -- the smaller number runs first
  run_at            timestamptz,
  delay_ms          bigint,                            -- from now, instead of run_at
  max_attempts      integer,
  idempotency_key   text,
  key_lifetime_ms   bigint,                            -- the key counts this long; null: as the job
  tags              text[],
  metadata          jsonb,
  retry             jsonb,                             -- see djps.retry_delay
  timeout_ms        integer,                           -- of one attempt
  finish_by         timestamptz,                       -- no attempt starts after this
  "unique"          jsonb                              -- see djps.store_unique_job
);

-- The result of a submission with all options.
--   outcome: created; or for a job that existed: replayed (its idempotency key is known), or for a
--   unique job what happened to it: existing, replaced or rescheduled.
create type djps.submission as (
  n               bigint,
  id              uuid,
  outcome         text,
  payload_differs boolean,
  run_at          timestamptz,
  created_at      timestamptz
);

-- An attempt that failed, for djps.fail_attempts.
create type djps.failed_attempt as (
  job_id      uuid,
  attempt     smallint,
  started_at  timestamptz,
  worker      text,
  error_class text,
  message     text,
  detail      text,
  retryable   boolean,
  retry_after interval,                                -- null: the retry policy decides
  policy      jsonb,                                   -- the handler's retry policy, null: none
  canceled    boolean                                  -- its cancellation was requested
);

-- An attempt that returns to the queue without having ended, for djps.put_back.
create type djps.returned_attempt as (
  job_id     uuid,
  attempt    smallint,
  started_at timestamptz,
  worker     text,
  delay      interval,                                 -- null: handed back, to run at once; else a snooze
  policy     jsonb,                                    -- the handler's, for the snooze beyond the limit
  canceled   boolean
);
