-- 0005_history: how long ended jobs are kept. Jobs past their retention are removed as whole partitions,
-- in small steps, without a long lock. The reasons: docs/decisions/0007-history.md
--
--   retention        how long, per queue and status
--   audit_retention  how long the entries of the audit are kept
--   history_parts    the partitions of days that are over
--   history_work     the one piece of work in progress, so that any process can continue it
--   history_changes  jobs that changed while the kept jobs of their partition were being copied
--
-- A piece of work has these phases: survey (counts the jobs that may go), copy (copies the jobs that
-- stay into new tables beside the old ones), swap (replaces the old tables by the new ones), sweep
-- (removes keys, tags and logs of the removed jobs, then the old tables). Each call of djps.history_step
-- is a small transaction. After a crash the next call, by any process, continues after the last commit.
--
-- Locks: creates new objects only. Old binaries: none exist.

create table djps.retention (
  queue  text collate "C" not null,                    -- '*': all that have no row of their own
  status djps.job_status  not null,
  keep   interval,                                     -- since the job ended; null: for ever
  primary key (queue, status),
  constraint retention_status_terminal check (status in ('succeeded', 'canceled', 'dead')),
  constraint retention_keep_range check (keep between interval '1 hour' and interval '3660 days')
);
insert into djps.retention (queue, status, keep)
values ('*', 'succeeded', '7 days'), ('*', 'canceled', '7 days'), ('*', 'dead', null);

create table djps.audit_retention (
  only_one boolean  not null primary key default true check (only_one),
  keep     interval,                                   -- null: for ever
  constraint audit_retention_keep_range check (keep between interval '1 day' and interval '3660 days')
);
insert into djps.audit_retention (keep) values ('90 days');

create table djps.history_parts (
  from_day date not null primary key,
  to_day   date not null,                              -- exclusive
  suffix   text not null unique,                       -- facts_<suffix>, outcomes_<suffix>, ...
  kept     bigint,                                     -- jobs in it; null: a day as it was written
  check_at timestamptz,                                -- the next look is not before this
  merge_at timestamptz                                 -- not merged before this: a copy failed
);

create table djps.history_work (
  only_one    boolean not null primary key default true check (only_one),
  phase       text    not null check (phase in ('survey', 'copy', 'swap', 'sweep', 'abandon')),
  from_day    date    not null,
  to_day      date    not null,
  sources     text[]  not null,                        -- suffixes of the parts that it replaces
  target      text,                                    -- suffix of the part that replaces them
  after_id    uuid    not null,                        -- this phase has walked up to here
  seen        bigint  not null default 0,
  expired     bigint  not null default 0,
  live        boolean not null default false,          -- some have not ended
  overdue     boolean not null default false,          -- some expired more than a week ago
  next_expiry timestamptz                              -- of the jobs that stay
);

create table djps.history_changes (job_id uuid not null);
alter table djps.history_changes replica identity full;  -- see djps.attempts
create sequence djps.history_generation;
