-- list_full_queues(int2)
-- Lists the queues that have reached their limit.
--
-- $1 lane  int2
-- Returns: name text, max_backlog int4
--
-- Locks: none. Index: ready_claim_key. Cost: O(limit) per queue with a limit, however long its
-- backlog is. Safe to repeat: yes.
select q.name, q.max_backlog
from djps.queues q
where q.lane = $1
  and q.max_backlog is not null
  and (select count(*) from (
         select from djps.ready r
         where r.lane = q.lane and r.queue = q.name
         limit q.max_backlog) waiting) >= q.max_backlog
