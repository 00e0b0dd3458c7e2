-- purge_audit(int4)
-- Deletes entries of the audit that are past their retention, with the lists of their jobs, the oldest
-- first.
--
-- $1 limit  int4  entries, and lists of jobs, at most
-- Returns: deleted int8
--
-- Locks: the entries, skip locked. Index: the primary keys. Cost: O($1); without old entries, one look
-- at the oldest $1 by the primary key. Safe to repeat: yes, until it says 0.
select djps.purge_audit($1) as deleted
