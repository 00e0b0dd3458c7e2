-- list_retention()
-- Lists how long ended jobs are kept: the rules of all queues first, then the rules of single queues.
--
-- Returns: queue text, status text, keep_ms int8
-- keep_ms is null for jobs that are kept for ever.
--
-- Locks: none. Cost: O(rows). Safe to repeat: yes.
select r.queue::text as queue, r.status::text as status,
       (extract(epoch from r.keep) * 1000)::int8 as keep_ms
from djps.retention r
order by r.queue <> '*', r.queue, r.status
