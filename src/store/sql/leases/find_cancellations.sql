-- find_cancellations(int2, uuid[])
-- Which of the jobs under these leases are to be canceled: asked between two heartbeats by workers
-- whose jobs take long, so that a cancellation is heard within a second.
--
-- $1 lane    int2
-- $2 leases  uuid[]
-- Returns: lease uuid, id uuid
--
-- Locks: none. Index: the leases' primary key. Cost: O(leases). Safe to repeat: yes.
select l.id as lease, c.id
from djps.leases l
cross join lateral unnest(l.canceled) as c (id)
where l.lane = $1 and l.id = any ($2) and l.canceled is not null and c.id = any (l.job_ids)
