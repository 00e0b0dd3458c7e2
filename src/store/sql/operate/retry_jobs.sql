-- retry_jobs(int2, uuid[], text[], text)
-- Puts jobs into the queue to be claimed at once: one that waits is due now, one that has ended
-- begins again from attempt 0, with its history kept (for dead ones: redrive).
--
-- $1 lane    int2
-- $2 ids     uuid[]
-- $3 from    text[]  the statuses to touch; jobs with another one are left alone
-- $4 actor   text    for the audit
-- Returns: id uuid, was text
-- Each job that this changed, with the status it had.
--
-- Locks: rows of ready and outcomes. Cost: O(jobs). Safe to repeat: yes.
select job_id as id, was::text as was
from djps.retry_jobs($1, $2, $3::djps.job_status[], $4)
