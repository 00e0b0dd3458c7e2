-- report_workers(text[], text[], text[], int4[], text[], text[], int4[], int4[], text[])
-- Reports that workers are running: adds new ones, and marks known ones as seen. For people, and for
-- count_workers. The arrays are parallel, one element a worker, no name twice.
--
-- $1 names       text[]
-- $2 kinds       text[]  http or native
-- $3 hosts       text[]  null if not known, here and below: the known value stays
-- $4 pids        int4[]
-- $5 queues      text[]  joined by commas
-- $6 types       text[]  joined by commas
-- $7 capacities  int4[]
-- $8 running     int4[]
-- $9 versions    text[]
-- Returns: name text
--
-- Locks: the rows, in the order of their names. Cost: O(workers). Index: workers_pkey. The commit
-- does not wait for the disk: a crash loses reports of half a second, and a worker reports again
-- within seconds. Safe to repeat: yes. A worker that was away for a minute or more gets a new
-- started_at.
with relaxed as materialized (select set_config('synchronous_commit', 'off', true))

insert into djps.workers as known
  (name, started_at, last_seen_at, pid, capacity, running, kind, host, version, queues, types)
select w.name, clock_timestamp(), clock_timestamp(), w.pid, w.capacity, w.running, w.kind, w.host,
       w.version, coalesce(string_to_array(w.queues, ','), '{}'),
       coalesce(string_to_array(w.types, ','), '{}')
from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)
  as w (name, kind, host, pid, queues, types, capacity, running, version)
cross join relaxed
order by w.name
on conflict (name) do update
set started_at   = case when known.last_seen_at < excluded.last_seen_at - interval '60 s'
                        then excluded.started_at else known.started_at end,
    last_seen_at = excluded.last_seen_at,
    pid          = coalesce(excluded.pid, known.pid),
    capacity     = coalesce(excluded.capacity, known.capacity),
    running      = excluded.running,
    kind         = excluded.kind,
    host         = coalesce(excluded.host, known.host),
    version      = excluded.version,
    queues       = case when excluded.queues = '{}' then known.queues else excluded.queues end,
    types        = case when excluded.types = '{}' then known.types else excluded.types end
returning name
