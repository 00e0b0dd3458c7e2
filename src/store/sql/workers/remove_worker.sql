-- remove_worker(text, text, int4)
-- Deletes a worker that stops. If several processes use one name, against the rules, the row stays if
-- another one has reported since.
--
-- $1 name  text
-- $2 host  text
-- $3 pid   int4
-- Returns: name text
--
-- Locks: the row. Index: workers_pkey. Safe to repeat: yes.
delete from djps.workers where name = $1 and host is not distinct from $2 and pid is not distinct from $3
returning name
