-- ensure_partitions(int4)
-- Makes the missing partitions of today and the next $1 days.
--
-- $1 days  int4  0..30
-- Returns: made int4
--
-- Locks and cost: see db/functions/partitions/ensure_partitions.sql. Errors: 55P03 if it did not get
-- a lock within a second: try again later. Safe to repeat: yes.
select djps.ensure_partitions($1) as made
