-- list_attempts(uuid, int4)
-- The attempts of a job that failed, the latest ones, oldest first.
--
-- $1 job    uuid
-- $2 limit  int4
-- Returns: attempt int2, worker text, started_at timestamptz, ended_at timestamptz, error_class text, message text, detail text
--
-- Locks: none. Index: attempts_job_idx. Cost: O(limit). Safe to repeat: yes.
select latest.*
from (
  select a.attempt, a.worker, a.started_at, a.ended_at, a.error_class, a.message, a.detail
  from djps.attempts a
  where a.job_id = $1
  order by a.ended_at desc
  limit $2
) latest
order by latest.ended_at
