-- 0003_workers: the list of workers, what they report about their jobs, and where their claims begin.
--
--   workers        the running workers, for people: no job depends on it, so it may be late or incomplete
--   progress       how far a job is, and the checkpoint from which its next attempt continues
--   log_lines      the last lines that an attempt wrote
--   claim_cursors  per queue and set of types, a place below which there is nothing to claim
--
-- Locks: creates new objects only. Old binaries: none exist.

create table djps.workers (
  name         text        not null,
  started_at   timestamptz not null,                   -- when it started, or came back
  last_seen_at timestamptz not null,
  pid          integer,
  capacity     integer,                                -- jobs at once; for kind http the max of its last claim
  running      integer,                                -- by its own count; null for kind http
  kind         text        not null,
  host         text,
  version      text        not null,
  queues       text[]      not null,
  types        text[]      not null,
  primary key (name),
  constraint workers_kind_known check (kind in ('http', 'native'))
) with (fillfactor = 50);

create table djps.progress (
  job_id     uuid             not null,
  updated_at timestamptz      not null,
  percent    double precision,
  lane       smallint         not null,
  attempt    smallint         not null,                -- the one that wrote percent and message
  message    text,
  checkpoint jsonb,                                    -- kept across attempts until it is replaced
  primary key (job_id, lane),
  constraint progress_percent_range check (percent between 0 and 100)
) with (fillfactor = 50);

create table djps.log_lines (
  job_id  uuid        not null,
  at      timestamptz not null,
  line    integer     not null,                        -- 1, 2, 3 ... within the attempt
  lane    smallint    not null,
  attempt smallint    not null,
  level   text        not null,
  message text        not null,
  primary key (job_id, lane, attempt, line)
);

-- Saved state of the C++ class ClaimCursor: a place below which there is nothing to claim, and the
-- transactions that were writing then. Without it, a process that starts while a session holds a
-- snapshot walks over every job that was done since: three seconds for some five million.
--
-- The row is a hint, like the cursor itself: a missing or old row costs time and loses no job. There is
-- one row per set of workers with the same queue and types. They rewrite it every 5 to 10 s while busy.
-- The argument and the measurement: docs/decisions/0011-saved-claim-cursors.md
create table djps.claim_cursors (
  kind        uuid        not null,                    -- of lane, queue and types: they may be long
  looked_at   timestamptz not null,                    -- by the server's clock
  lane        smallint    not null,
  server      text        not null,                    -- when it started: see look_at_queue.sql
  queue       text        not null,
  types       text[]      not null,
  priorities  smallint[]  not null,                    -- the levels, and per level its floor
  floor_at    timestamptz[] not null,
  floor_id    uuid[]      not null,
  writers     text[]      not null,                    -- transactions that were writing, and per writer
  writer_from timestamptz[] not null,                  -- a place below which it wrote nothing
  primary key (kind)
) with (fillfactor = 50);
