-- find_cancellations(int2, uuid[])
-- Finds the jobs under these leases whose cancellation was requested. Workers with long jobs ask it
-- between two heartbeats, so that they hear of a cancellation within a second.
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
