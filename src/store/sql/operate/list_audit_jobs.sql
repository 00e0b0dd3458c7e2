-- list_audit_jobs(int8, int4, int4)
-- Lists the jobs that a bulk action changed, page by page of the action.
--
-- $1 audit  int8  the action's entry in the audit
-- $2 after  int4  how many of its jobs to pass over
-- $3 limit  int4
-- Returns: id uuid, was text
-- was: the status that the job had; for cancel: waiting or running.
--
-- Locks: none. Index: the primary key. Cost: O(limit), and a page of the action. Safe to repeat: yes.
select j.id, p.was
from djps.audit_jobs p
cross join lateral unnest(p.job_ids) with ordinality as j (id, n)
where p.audit_id = $1
  -- The page with the first of them; each page has at least one job.
  and p.place >= coalesce((select max(b.place) from djps.audit_jobs b
                           where b.audit_id = $1 and b.place <= $2), 0)
  and p.place < $2::int8 + $3
  and p.place + j.n > $2
order by p.place, j.n
limit $3
