-- return_jobs(int2, uuid[], uuid[], interval[])
-- Puts running jobs back into the queue with the attempt not counted: a snooze (delay > 0), or a
-- worker that stops and hands its jobs back (delay 0).
--
-- $1 lane    int2
-- $2 leases  uuid[]      the lease each job is held under
-- $3 jobs    uuid[]
-- $4 delays  interval[]
-- Returns: id uuid, run_at timestamptz
-- Only what was held comes back. A job whose cancellation was asked for has ended as canceled.
--
-- Locks: the lease rows, in the order of their ids. Cost: O(jobs). Safe to repeat: yes.
with taken as materialized (
  select h.job_id, h.attempt, h.canceled
  from (
    select d.lease, array_agg(d.job) as jobs
    from unnest($2, $3) as d (lease, job)
    group by d.lease
    order by d.lease
  ) by_lease
  cross join lateral djps.take_from_lease($1, by_lease.lease, by_lease.jobs) h
)
select p.job_id as id, p.run_at
from (
  select array_agg(t.job_id) as jobs, array_agg(t.attempt) as attempts,
         array_agg(d.delay) as delays, array_agg(t.canceled) as canceled
  from taken t
  join unnest($3, $4) as d (job, delay) on d.job = t.job_id
) given
cross join lateral djps.put_back($1, given.jobs, given.attempts, given.delays, given.canceled) p
