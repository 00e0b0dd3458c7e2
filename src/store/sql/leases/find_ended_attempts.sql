-- find_ended_attempts(int2, uuid[], uuid[])
-- Which of these attempts were ended by a holder of their own lease: by the handler itself in SQL
-- (djps.complete and its like), or by a report whose answer was lost. Asked about reports that were
-- refused, to tell these from leases that were lost: only those leave a failure of the class
-- lease_expired with the lease as its detail, or are still there because nobody has acted on their
-- expiry yet.
--
-- $1 lane      int2
-- $2 leases    uuid[]  parallel: the lease that each attempt began under
-- $3 jobs      uuid[]
-- Returns: id uuid
-- A job that does not come back lost its lease, or is not there any more.
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
