-- 0002_queues: settings of queues and job types, and a record of what people did.
--
--   queues           settings of a queue: paused, its limit
--   retry_policies   how jobs of a type wait between attempts
--   audit            who did what, when, to which job or queue
--   audit_jobs       the jobs of a bulk action, which has one entry in the audit
--
-- Locks: creates new objects only. Old binaries: none exist.

-- A queue without a row has the default settings. Rows are made when needed.
create table djps.queues (
  lane        smallint not null,
  name        text collate "C" not null,
  paused_at   timestamptz,                             -- null: open
  paused_by   text,
  max_backlog integer,                                 -- submissions beyond this are refused
  primary key (lane, name),
  constraint queues_max_backlog_range check (max_backlog between 1 and 100000000)
);

-- For jobs without a policy of their own or of their handler.
create table djps.retry_policies (
  type   text collate "C" primary key,
  policy jsonb not null                                -- see djps.retry_delay
);

create table djps.audit (
  id     bigint generated always as identity primary key,
  at     timestamptz not null default clock_timestamp(),
  actor  text        not null,
  action text        not null,                         -- cancel, retry, edit, purge, pause, ...
  target text        not null,                         -- a job's id, the name of a queue or type; or `jobs`
  detail jsonb       not null default '{}'             -- before, after, reason; filter, count
);
create index audit_target_idx on djps.audit (target, id);

-- Each page of a bulk action writes its jobs here, in its own transaction: one row for each status that
-- they had. In order of their ids, since a list of any kind takes less space like that.
create table djps.audit_jobs (
  audit_id bigint  not null references djps.audit on delete cascade,
  place    integer not null,                           -- how many jobs the action changed before these
  was      text    not null,                           -- their status before; cancel: waiting or running
  first_id uuid    not null,
  last_id  uuid    not null,
  job_ids  uuid[]  not null,
  primary key (audit_id, place)
);
-- To find the actions that changed one job.
create index audit_jobs_range_idx on djps.audit_jobs (last_id, first_id);
