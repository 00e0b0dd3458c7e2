-- retry_jobs(int2, uuid[], text[], text, int8)
-- Makes jobs claimable at once. A waiting job becomes due now. An ended job begins again from attempt
-- 0 and keeps its history (for dead jobs: redrive).
--
-- $1 lane    int2
-- $2 ids     uuid[]
-- $3 from    text[]  the statuses to touch; jobs with another one are left alone
-- $4 actor   text    for the audit
-- $5 audit   int8    the entry of the bulk action that this is a part of; null: an entry for each job
-- Returns: id uuid, was text, held_by uuid
-- Returns each of these jobs, with the status that it had. held_by is null for those that were changed.
-- It is the job that has the place of an ended unique job, which stays as it was.
--
-- Locks: places of unique jobs, rows of ready and outcomes, then the entry $5. Cost: O(jobs).
-- Safe to repeat: yes.
select job_id as id, was::text as was, held_by
from djps.retry_jobs($1, $2, $3::djps.job_status[], $4, $5)
