-- enqueue_guarded_jobs(int2, uuid[], jsonb[], text, bool, text[])
-- Does what enqueue_jobs_with_options does, unless a known key or a unique job leads to a job that the
-- caller may not be answered with. Then nothing is stored, and there is one row: the first such item.
--
-- $1 lane      int2
-- $2 ids       uuid[]   UUIDv7 of this lane; used where the item makes a new job
-- $3 jobs      jsonb[]  with the members of djps.new_job; checked by the caller
-- $4 patience  text     such as '20ms': how long to wait for a lock of another transaction
-- $5 strict    bool     refuse a known key whose job has another payload
-- $6 queues    text[]   refuse what leads to a job of any other queue; empty: of none
-- Returns: n int8, id uuid, outcome text, payload_differs bool, run_at timestamptz, created_at timestamptz
-- The columns are those of enqueue_jobs_with_options. Two more outcomes say that nothing was stored:
-- hidden ($6) and differs ($5).
--
-- Locks and errors: as enqueue_jobs_with_options. Cost: as that, plus one subtransaction, and with $6
-- one look at each job that was there. Safe to repeat: with keys.
with patience as materialized (
  select $1 as lane, set_config('lock_timeout', $4, true) as until_the_end_of_this_transaction
)

select s.n, s.id, s.outcome, s.payload_differs, s.run_at, s.created_at
from patience p
cross join lateral djps.store_guarded_jobs(p.lane, $2, array(
  select djps.read_job(given.job)
  from unnest($3) with ordinality as given (job, n)
  order by given.n
), $5, $6) s
order by s.n
