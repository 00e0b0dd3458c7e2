-- explain_job(int2, uuid, int4)
-- Says why a job is not running now; db/functions/jobs/explain_job.sql lists the reasons.
--
-- $1 lane   int2
-- $2 job    uuid
-- $3 bound  int4  how far to count the jobs ahead
-- Returns: reason text, status text, queue text, type text, attempt int2, worker text, until timestamptz, ahead int8, ahead_exact bool, estimate_ms int8
--
-- Locks: none. Cost: O(bound). Safe to repeat: yes. Zero rows: no such job.
select e.reason, e.status, e.queue, e.type, e.attempt, e.worker, e.until, e.ahead, e.ahead_exact,
       e.estimate_ms
from djps.explain_job($1, $2, $3) e
