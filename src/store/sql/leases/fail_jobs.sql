-- fail_jobs(int2, uuid[], uuid[], text[], text[], text[], bool[], interval[], jsonb[])
-- Ends attempts of any number of leases as failed. Each job goes back to the queue after its backoff.
-- It goes to the dead letters if its attempts are used up or a retry is pointless.
--
-- $1 lane           int2
-- $2 leases         uuid[]      the lease each job is held under
-- $3 jobs           uuid[]
-- $4 error_classes  text[]
-- $5 messages       text[]
-- $6 details        text[]
-- $7 retryable      bool[]      false: dead at once
-- $8 retry_after    interval[]  null: a policy decides
-- $9 policies       jsonb[]     the handler's, as in djps.retry_delay; null: none. Precedence: the job's
--                               policy, then the handler's, then the type's
-- Returns: id uuid, status text, run_at timestamptz
-- Returns only the jobs that were held. status is failed, dead, or canceled if a cancellation was
-- requested. run_at is null for jobs that have ended.
--
-- Locks: the lease rows, in the order of their ids. Cost: O(jobs). Safe to repeat: yes.
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
select e.job_id as id, e.status::text as status, e.run_at
from djps.fail_attempts($1, array(
  select row(t.job_id, t.attempt, t.claimed_at, t.worker, d.error_class, d.message, d.detail,
             d.retryable, d.retry_after, d.policy, t.canceled)::djps.failed_attempt
  from taken t
  join unnest($3, $4, $5, $6, $7, $8, $9)
    as d (job, error_class, message, detail, retryable, retry_after, policy) on d.job = t.job_id
)) e
