-- return_jobs(int2, uuid[], uuid[], interval[], jsonb[])
-- Puts running jobs back into the queue with the attempt not counted: after a snooze, or when a
-- stopping worker hands its jobs back. The snoozes of a job are limited; one more is a failed attempt
-- (djps.put_back).
--
-- $1 lane      int2
-- $2 leases    uuid[]      the lease each job is held under
-- $3 jobs      uuid[]
-- $4 delays    interval[]  of a snooze, 0 is allowed; null: handed back, to run at once
-- $5 policies  jsonb[]     as in fail_jobs, for a snooze beyond the limit
-- Returns: id uuid, run_at timestamptz
-- Returns only the jobs that were held. A job whose cancellation was requested has ended as canceled.
-- run_at is null for a job that died of a snooze beyond the limit.
--
-- Locks: the lease rows, in the order of their ids. Cost: O(jobs); a snooze writes its job's row of
-- djps.snoozes as well. Safe to repeat: yes.
with taken as materialized (
  select h.job_id, h.attempt, h.claimed_at, h.worker, h.canceled
  from (
    select d.lease, array_agg(d.job) as jobs
    from unnest($2, $3) as d (lease, job)
    group by d.lease
    order by d.lease
  ) by_lease
  cross join lateral djps.take_from_lease($1, by_lease.lease, by_lease.jobs) h
)
select p.job_id as id, p.run_at
from djps.put_back($1, array(
  select row(t.job_id, t.attempt, t.claimed_at, t.worker, d.delay, d.policy,
             t.canceled)::djps.returned_attempt
  from taken t
  join unnest($3, $4, $5) as d (job, delay, policy) on d.job = t.job_id
)) p
