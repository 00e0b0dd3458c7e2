-- notify_workers(text[])
-- Tells workers that wait for jobs of these queues to look: a word of its own after the jobs are
-- committed, never part of a submission.
--
-- $1 queues  text[]
-- Returns: queues int4
--
-- Locks: that of the notification queue, at the commit; so it is said for many jobs at once, and at
-- most every few milliseconds. Cost: O(queues). Writes nothing. Safe to repeat: yes.
with told as materialized (select djps.notify_workers($1))
select cardinality($1) as queues from told
