-- 0001_jobs: where jobs live. Why it is laid out like this: docs/decisions/0001-storage-layout.md
--
--   facts      what was asked, once                         append only, partitioned by id
--   ready      what can be claimed, now or later            small; a claim deletes the row
--   leases     what is running: one row per claimed batch   small; the row's id is the fencing token
--   outcomes   how a job ended                              append only, partitioned by id
--   attempts   what went wrong on the way                   append only, partitioned by id
--   idempotency_keys   which job a (type, key) names        only for jobs that have a key
--   unique_keys        which job holds a place              only for unique jobs
--   job_tags           which jobs have a tag                only for jobs that have tags
--   snoozes            how often a job was snoozed          only for jobs that were
--
-- db/views/jobs.sql puts a job together again, with every field and its status.
--
-- The invariant everything rests on: a live job's id is in exactly one row of `ready` or in exactly
-- one lease; a finished job has exactly one outcome and is in neither. A job that has a fact and is
-- in none of the three is `running` only in the eyes of a snapshot; each transition is one statement.
--
-- Lane: the low 6 bits of a job's id, so that the schema can be spread over several machines by DDL
-- alone. One machine uses lane 0. Every statement on these tables names the lane.
--
-- Options that few jobs use cost nothing to the others: their columns are null, their tables empty.
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
  primary key (id, lane),
  constraint facts_max_attempts_range check (max_attempts between 1 and 1000)
) partition by range (id);
-- Only the jobs that have a deadline: for the sweep that buries those which missed it.
create index facts_finish_by_idx on djps.facts (finish_by) where finish_by is not null;

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
-- Jobs that succeeded, which are nearly all, cost nothing here.
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

-- For rows that no partition of a day covers: a clock was wrong, or nobody made the partition.
create table djps.facts_default partition of djps.facts default;
create table djps.outcomes_default partition of djps.outcomes default;
create table djps.attempts_default partition of djps.attempts default;

-- Vacuum of ready and leases takes its time: while somebody holds a snapshot it passes over all dead
-- rows and removes none. The measurements: docs/decisions/0010-held-snapshots.md
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
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000,
        autovacuum_vacuum_cost_delay = 2, autovacuum_vacuum_cost_limit = 100);
create index ready_moved_idx on djps.ready (id) where moved_at is not null;

create table djps.leases (
  id         uuid        not null,                     -- the fencing token, random, made by the claimer
  expires_at timestamptz not null,
  claimed_at timestamptz not null,
  lane       smallint    not null,
  worker     text        not null,
  job_ids    uuid[]      not null,                     -- still running under this lease
  attempts   smallint[]  not null,                     -- the attempt number of each, in the same order
  canceled   uuid[],                                   -- their cancellation was asked for
  primary key (id, lane)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 2, autovacuum_vacuum_cost_limit = 100);
-- Without the lane, which is the same for all: with it the planner took this index for "lane and id",
-- and each completion walked over every lease since the oldest snapshot.
create index leases_expiry_idx on djps.leases (expires_at);

-- ---- Jobs with a key, a place, tags, snoozes ---------------------------------------------------

create table djps.idempotency_keys (
  lane         smallint    not null,
  type         text collate "C" not null,
  key          text collate "C" not null,
  job_id       uuid        not null,
  payload_hash bigint      not null,                   -- jsonb_hash_extended: equal for equal payloads
  created_at   timestamptz not null,
  expires_at   timestamptz,                            -- null: kept as long as its job
  primary key (lane, type, key)
);
-- Only keys that have a lifetime: for djps.purge_expired_keys.
create index idempotency_keys_expiry_idx on djps.idempotency_keys (expires_at)
  where expires_at is not null;

-- Which job holds a place of which there is only one: by type, and where asked for by queue and by
-- payload or parts of it. The row says which job came last. Whether that job still counts is looked up
-- when the next one comes, so that finishing a job costs nothing.
create table djps.unique_keys (
  lane       smallint not null,
  hash       uuid     not null,                        -- md5 of what must be unique
  job_id     uuid     not null,
  states     djps.job_status[] not null,               -- the job counts while it is in one of these
  expires_at timestamptz,                              -- and until then; null: no end
  primary key (lane, hash)
);
create index unique_keys_expiry_idx on djps.unique_keys (expires_at) where expires_at is not null;
-- For djps.history_sweep, which forgets the places of the jobs that it removes.
create index unique_keys_job_idx on djps.unique_keys (job_id);

-- The jobs that have a tag. Triggers write it (db/after_functions.sql), so that every way to submit is
-- covered. For a job without tags only the trigger's condition is evaluated, which is too cheap to
-- measure beside the insert.
create table djps.job_tags (
  lane   smallint not null,
  tag    text collate "C" not null,
  job_id uuid     not null,
  primary key (lane, tag, job_id)
);

-- How often jobs were snoozed, of those that were. A snooze costs no attempt, so that a job could be
-- put off for ever; beyond djps.snooze_limit() it is a failed attempt. Written by snoozes alone: claims
-- and completions know nothing of it. A redrive forgets it.
create table djps.snoozes (
  job_id uuid     not null,
  lane   smallint not null,
  count  smallint not null,
  primary key (job_id, lane)
) with (fillfactor = 70);

-- ---- What functions are given ------------------------------------------------------------------

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

-- What a submission with all options came to.
--   outcome: created, or for a job that was there already: replayed (its idempotency key is known),
--   existing, replaced or rescheduled (it is the unique one, and what was done to it).
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
  canceled    boolean                                  -- its cancellation was asked for
);

-- What comes back of a lease without having ended, for djps.put_back.
create type djps.returned_attempt as (
  job_id     uuid,
  attempt    smallint,
  started_at timestamptz,
  worker     text,
  delay      interval,                                 -- null: handed back, to be run at once; else a snooze
  policy     jsonb,                                    -- the handler's, for the snooze beyond the limit
  canceled   boolean
);
