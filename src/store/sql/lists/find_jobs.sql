-- find_jobs(uuid[], bool)
-- Jobs with all their fields, as find_job shows one.
--
-- $1 ids      uuid[]
-- $2 payload  bool    false: null in its place, and no large value is read
-- Returns: id uuid, type text, queue text, payload jsonb, status text, priority int2, run_at timestamptz, attempts int2, max_attempts int2, idempotency_key text, created_at timestamptz, updated_at timestamptz, finished_at timestamptz, result jsonb, last_error jsonb, tags jsonb, metadata jsonb, retry jsonb, timeout_ms int4, finish_by timestamptz, cancel_requested bool, progress jsonb
-- In no promised order; an id that is missing names no job.
--
-- Locks: none. Index: primary keys, attempts_job_idx. Cost: O(ids); a running job also looks through
-- the leases. Safe to repeat: yes.
select j.id, j.type, j.queue,
       case when $2 then j.payload else 'null'::jsonb end as payload,
       j.status::text as status, j.priority, j.run_at, j.attempts,
       j.max_attempts, j.idempotency_key, j.created_at, j.updated_at, j.finished_at, j.result,
       j.last_error, to_jsonb(j.tags) as tags, j.metadata, j.retry, j.timeout_ms, j.finish_by,
       j.cancel_requested, j.progress
from unnest($1) as w (id)
cross join lateral (
  select * from djps.job_details one where one.id = w.id
  offset 0  -- one after the other, never a join with all jobs, whatever the statistics say
) j
