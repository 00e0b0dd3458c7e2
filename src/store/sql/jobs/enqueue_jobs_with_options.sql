-- enqueue_jobs_with_options(int2, uuid[], jsonb[], text)
-- Stores new jobs, some of which have options: a delay, tags, a retry policy, a deadline, uniqueness,
-- a key with a lifetime. Stores all jobs or none. The arrays are parallel, one element a job.
--
-- $1 lane      int2
-- $2 ids       uuid[]   UUIDv7 of this lane; used where the item makes a new job
-- $3 jobs      jsonb[]  with the members of djps.new_job; checked by the caller
-- $4 patience  text     such as '20ms': how long to wait for a lock of another transaction
-- Returns: n int8, id uuid, outcome text, payload_differs bool, run_at timestamptz, created_at timestamptz
-- n counts from 1 in the given order. outcome is created, replayed, existing, replaced or
-- rescheduled. run_at and created_at are set for new jobs only.
--
-- Locks: keys and places of unique jobs, each in their order. It waits for a concurrent submitter of
-- the same ones, for $4 at most, because other submissions may wait behind this one. Cost: O(jobs),
-- some 50 us each. Errors: as enqueue_jobs; 55P03 when $4 is over. Safe to repeat: with keys.
with patience as materialized (
  select $1 as lane, set_config('lock_timeout', $4, true) as until_the_end_of_this_transaction
)

select s.n, s.id, s.outcome, s.payload_differs, s.run_at, s.created_at
from patience p
cross join lateral djps.store_jobs(p.lane, $2, array(
  select djps.read_job(given.job)
  from unnest($3) with ordinality as given (job, n)
  order by given.n
)) s
order by s.n
