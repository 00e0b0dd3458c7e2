-- find_ended_attempts(int2, uuid[], uuid[])
-- Finds the attempts that a holder of their own lease has ended: the handler itself in SQL
-- (djps.complete and its like), or a report whose answer was lost. A worker asks this about refused
-- reports, to tell these attempts from lost leases. A lost lease leaves a failure of the class
-- lease_expired with the lease as its detail, or is still there because its expiry has not been
-- processed.
--
-- $1 lane      int2
-- $2 leases    uuid[]  parallel: the lease that each attempt began under
-- $3 jobs      uuid[]
-- Returns: id uuid
-- A missing job lost its lease, or does not exist any more.
--
-- Locks: none. Index: facts' and leases' primary keys, attempts_job_idx. Cost: O(jobs).
-- Safe to repeat: yes.
select asked.job as id
from unnest($2, $3) as asked (lease, job)
where exists (select from djps.facts f where f.id = asked.job and f.lane = $1)
  and not exists (
    select from djps.leases l
    where l.lane = $1 and l.id = asked.lease and asked.job = any (l.job_ids))
  and not exists (
    select from djps.attempts a
    where a.job_id = asked.job and a.lane = $1
      and a.error_class = 'lease_expired' and a.detail = asked.lease::text)
