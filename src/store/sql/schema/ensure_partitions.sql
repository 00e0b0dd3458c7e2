-- ensure_partitions(int4)
-- Makes the partitions of today and the next $1 days where they are missing.
--
-- $1 days  int4  0..30
-- Returns: made int4
--
-- Locks and cost: see db/functions/partitions/ensure_partitions.sql. Errors: 55P03 when a lock
-- was not to be had within a second: try again later. Safe to repeat: yes.
select djps.ensure_partitions($1) as made
