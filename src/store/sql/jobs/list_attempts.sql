-- list_attempts(uuid, int4, int4)
-- Lists the latest failed attempts of a job, oldest first.
--
-- $1 job    uuid
-- $2 limit  int4
-- $3 bytes  int4  of message and detail; the earliest attempts beyond this size are left out
-- Returns: attempt int2, worker text, started_at timestamptz, ended_at timestamptz, error_class text, message text, detail text
--
-- Locks: none. Index: attempts_job_idx. Cost: O(limit). Safe to repeat: yes.
select counted.attempt, counted.worker, counted.started_at, counted.ended_at, counted.error_class,
       counted.message, counted.detail
from (
  -- octet_length does not read text that is stored out of line.
  select latest.*,
         sum(octet_length(latest.message) + octet_length(latest.detail))
           over (order by latest.ended_at desc, latest.attempt desc) as bytes
  from (
    select a.attempt, a.worker, a.started_at, a.ended_at, a.error_class, a.message, a.detail
    from djps.attempts a
    where a.job_id = $1
    order by a.ended_at desc
    limit $2
  ) latest
) counted
where counted.bytes <= $3
order by counted.ended_at
