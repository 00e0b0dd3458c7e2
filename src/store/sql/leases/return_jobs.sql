-- return_jobs(int2, uuid[], uuid[], interval[])
-- Puts running jobs back into the queue with the attempt not counted: a snooze (delay > 0), or a
-- worker that stops and hands its jobs back (delay 0).
--
-- $1 lane    int2
-- $2 leases  uuid[]      the lease each job is held under
-- $3 jobs    uuid[]
-- $4 delays  interval[]
-- Returns: id uuid, run_at timestamptz
-- Only what was held comes back.
--
-- Locks: the lease rows, in the order of their ids. Cost: O(jobs). Safe to repeat: yes.
with taken as materialized (
  select h.job_id, h.attempt
  from (
    select d.lease, array_agg(d.job) as jobs
    from unnest($2, $3) as d (lease, job)
    group by d.lease
    order by d.lease
  ) by_lease
  cross join lateral djps.take_from_lease($1, by_lease.lease, by_lease.jobs) h
)
insert into djps.ready (id, visible_at, moved_at, lane, priority, attempts, failed, queue, type)
select t.job_id, clock_timestamp() + d.delay, clock_timestamp(), $1, f.priority,
       (t.attempt - 1)::int2, false, f.queue, f.type
from taken t
join unnest($3, $4) as d (job, delay) on d.job = t.job_id
join djps.facts f on f.id = t.job_id and f.lane = $1
returning id, visible_at as run_at
