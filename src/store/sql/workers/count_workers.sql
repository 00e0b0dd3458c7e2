-- count_workers(text, text[])
-- How many native workers there are, by which each knows how much to leave to the others.
--
-- $1 queue  text
-- $2 types  text[]
-- Returns: everywhere int4, alike int4, free int4
-- everywhere: on any queue; alike: those among them that work on this queue and have a handler for all
-- of these types; free: those among these that had a free slot when they last reported, which they do
-- every 5 to 20 s. Not counted are those not seen for 30 s.
--
-- Locks: none. Cost: O(workers), about 0.5 ms for a thousand, and the reports that a snapshot keeps from
-- being vacuumed: see src/store/worker_census.h. Safe to repeat: yes.
select count(*)::int4 as everywhere,
       count(*) filter (where queues @> array[$1] and types @> $2)::int4 as alike,
       count(*) filter (where queues @> array[$1] and types @> $2
                          and coalesce(running < capacity, true))::int4 as free
from djps.workers
where kind = 'native'
  and last_seen_at > now() - interval '30 s'
