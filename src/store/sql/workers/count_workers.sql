-- count_workers(text, text[])
-- How many native workers there are, by which each knows how much to leave to the others.
--
-- $1 queue  text
-- $2 types  text[]
-- Returns: everywhere int4, alike int4
-- everywhere: on any queue; alike: those among them that work on this queue and have a handler for all
-- of these types. Seen in the last 30 s: they report every 5 to 20 s.
--
-- Locks: none. Cost: O(workers), about 0.5 ms for a thousand. Safe to repeat: yes.
select count(*)::int4 as everywhere,
       count(*) filter (where queues @> array[$1] and types @> $2)::int4 as alike
from djps.workers
where kind = 'native'
  and last_seen_at > now() - interval '30 s'
