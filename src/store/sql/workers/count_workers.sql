-- count_workers(text, text[])
-- Counts the native workers, so that each knows how much to leave to the others.
--
-- $1 queue  text
-- $2 types  text[]
-- Returns: everywhere int4, alike int4, free int4
-- everywhere: workers on any queue; alike: those of them that work on this queue and have a handler
-- for all of these types; free: those of these that had a free slot in their last report. They report
-- every 5 to 20 s. Workers not seen for 30 s are not counted.
--
-- Locks: none. Cost: O(workers), about 0.5 ms for a thousand, plus old reports that a snapshot keeps
-- from vacuum: see src/store/worker_census.h. Safe to repeat: yes.
select count(*)::int4 as everywhere,
       count(*) filter (where queues @> array[$1] and types @> $2)::int4 as alike,
       count(*) filter (where queues @> array[$1] and types @> $2
                          and coalesce(running < capacity, true))::int4 as free
from djps.workers
where kind = 'native'
  and last_seen_at > now() - interval '30 s'
