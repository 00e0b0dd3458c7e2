-- bury_overdue(int2, int4)
-- Ends jobs that nobody started before their finish_by as dead, in queues that nobody works on; the
-- claim does the same with those it comes upon.
--
-- $1 lane   int2
-- $2 limit  int4
-- Returns: id uuid
--
-- Locks: rows of ready. Index: facts_finish_by_idx, which holds only jobs with a deadline.
-- Cost: O(limit), plus the overdue ones of the last day that have ended; one look at the index where there
-- are none, without the function, whose statement takes ten times as long to begin. Safe to repeat: yes.
select job_id as id
from djps.bury_overdue($1, $2)
where exists (
  select from djps.facts f
  where f.lane = $1 and f.finish_by <= now() and f.finish_by > now() - interval '1 day')
