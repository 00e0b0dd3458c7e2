-- 0005_history: how long ended jobs are kept, and how what is past that goes: as whole partitions,
-- in small steps, without a long lock. Why it is done like this: docs/decisions/0007-history.md
--
--   retention        how long, per queue and status
--   history_parts    the partitions of days that are over
--   history_work     the one piece of work in progress, so that anybody can go on with it
--   history_changes  jobs that changed while what is kept of their partition was being copied
--
-- A piece of work goes through: survey (how much may go), copy (what stays, into new tables beside
-- the old ones), swap (the new ones take the place of the old ones), sweep (keys, tags, logs of the
-- jobs that are gone, then the old tables themselves). Each call of djps.history_step is a small
-- transaction; after a crash the next call, by whomever, goes on where the last one committed.
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

create table djps.history_parts (
  from_day date not null primary key,
  to_day   date not null,                              -- exclusive
  suffix   text not null unique,                       -- facts_<suffix>, outcomes_<suffix>, ...
  kept     bigint,                                     -- jobs in it; null: a day as it was written
  check_at timestamptz                                 -- not looked at before
);

create table djps.history_work (
  only_one    boolean not null primary key default true check (only_one),
  phase       text    not null check (phase in ('survey', 'copy', 'swap', 'sweep', 'abandon')),
  from_day    date    not null,
  to_day      date    not null,
  sources     text[]  not null,                        -- suffixes of the parts that it replaces
  target      text,                                    -- suffix of the part that takes their place
  after_id    uuid    not null,                        -- this phase has walked up to here
  seen        bigint  not null default 0,
  expired     bigint  not null default 0,
  live        boolean not null default false,          -- some have not ended
  overdue     boolean not null default false,          -- some expired more than a week ago
  next_expiry timestamptz                              -- of what stays
);

create table djps.history_changes (job_id uuid not null);
create sequence djps.history_generation;
