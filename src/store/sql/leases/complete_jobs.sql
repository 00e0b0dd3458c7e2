-- complete_jobs(int2, uuid[], uuid[], jsonb[])
-- Ends running jobs of any number of leases as succeeded, in one transaction. The arrays are
-- parallel, one element a job.
--
-- $1 lane     int2
-- $2 leases   uuid[]   the lease each job is held under
-- $3 jobs     uuid[]
-- $4 results  jsonb[]
-- Returns: id uuid
-- Returns only the jobs that were held. A missing id had lost its lease, and nothing changed for it.
--
-- Locks: the lease rows, in the order of their ids. Cost: O(jobs); writes one outcome a job and one
-- lease row per lease. Safe to repeat: yes (a second call finds nothing held).
with finished as (
  select h.job_id, h.attempt
  from (
    select d.lease, array_agg(d.job) as jobs
    from unnest($2, $3) as d (lease, job)
    group by d.lease
    order by d.lease
  ) by_lease
  cross join lateral djps.take_from_lease($1, by_lease.lease, by_lease.jobs) h
)
insert into djps.outcomes (id, finished_at, status, lane, attempts, result)
select f.job_id, clock_timestamp(), 'succeeded', $1, f.attempt, d.result
from finished f
join unnest($3, $4) as d (job, result) on d.job = f.job_id
returning id
