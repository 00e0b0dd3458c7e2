-- bury_overdue(int2, int4)
-- Ends as dead the jobs whose finish_by passed before a worker started them. This is for queues
-- without workers; elsewhere the claim does the same with the overdue jobs that it meets.
--
-- $1 lane   int2
-- $2 limit  int4
-- Returns: id uuid
--
-- Locks: rows of ready, skip locked. Index: ready_finish_by_idx, which holds only waiting jobs with a
-- deadline. Cost: O(limit). Without overdue jobs, one look at the index and no call of the function,
-- whose statement takes ten times as long to begin. Safe to repeat: yes.
select job_id as id
from djps.bury_overdue($1, $2)
where exists (select from djps.ready r where r.finish_by <= now())
