-- forget_workers(interval)
-- Forgets workers that have not been seen for $1: they died without a goodbye.
--
-- $1 silence  interval
-- Returns: name text
--
-- Locks: the rows. Cost: O(workers). Safe to repeat: yes.
delete from djps.workers where last_seen_at < now() - $1 returning name
