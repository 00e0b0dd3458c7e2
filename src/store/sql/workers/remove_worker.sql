-- remove_worker(text)
-- Forgets a worker that says goodbye.
--
-- $1 name  text
-- Returns: name text
--
-- Locks: the row. Index: workers_pkey. Safe to repeat: yes.
delete from djps.workers where name = $1 returning name
