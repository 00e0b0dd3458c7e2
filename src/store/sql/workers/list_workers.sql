-- list_workers(int2, interval, int4)
-- Lists the workers seen within $2 and the jobs that each of them runs, ordered by name.
--
-- $1 lane    int2
-- $2 within  interval
-- $3 limit   int4      workers
-- Returns: name text, kind text, host text, pid int4, queues jsonb, types jsonb, capacity int4, running int4, version text, started_at timestamptz, last_seen_at timestamptz, jobs jsonb
-- jobs: at most 100 a worker. running: jobs under the worker's valid leases.
--
-- Locks: none. Cost: O(workers + running jobs). Index: workers_pkey, leases_expiry_idx.
-- Safe to repeat: yes.
with held as materialized (
  select l.worker, l.claimed_at, l.expires_at, h.job_id, h.attempt,
         row_number() over (partition by l.worker order by l.claimed_at, h.job_id) as n
  from djps.leases l
  cross join lateral unnest(l.job_ids, l.attempts) as h (job_id, attempt)
  where l.lane = $1 and l.expires_at > now()
),

doing as materialized (
  select held.worker, count(*)::int4 as running,
         coalesce(jsonb_agg(jsonb_build_object(
           'id', held.job_id, 'type', f.type, 'queue', f.queue, 'attempt', held.attempt,
           'claimed_at', held.claimed_at, 'lease_expires_at', held.expires_at) order by held.n)
           filter (where held.n <= 100), '[]') as jobs
  from held
  left join djps.facts f on f.id = held.job_id and f.lane = $1 and held.n <= 100
  group by held.worker
)

select w.name, w.kind, w.host, w.pid, to_jsonb(w.queues) as queues, to_jsonb(w.types) as types,
       w.capacity, coalesce(doing.running, 0) as running, w.version, w.started_at, w.last_seen_at,
       coalesce(doing.jobs, '[]') as jobs
from djps.workers w
left join doing on doing.worker = w.name
where w.last_seen_at > now() - $2
order by w.name
limit $3
