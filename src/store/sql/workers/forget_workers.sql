-- forget_workers(interval)
-- Deletes workers that were not seen for $1. They died before they could remove themselves.
--
-- $1 silence  interval
-- Returns: name text
--
-- Locks: the rows. Cost: O(workers). Safe to repeat: yes.
delete from djps.workers where last_seen_at < now() - $1 returning name
