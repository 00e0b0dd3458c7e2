-- 0010_gentle_vacuum: vacuum of the two tables that are deleted from takes its time.
--
-- While somebody holds a snapshot, a vacuum passes over all rows that were deleted since and may remove
-- none; autovacuum starts the next one at once. Claims do not walk over those rows (the claim cursor),
-- so nothing is lost when vacuum is slow, and without these settings a server whose
-- autovacuum_vacuum_cost_delay is 0 spends most of a core on it: docs/decisions/0007-history.md.
--
-- Locks: share update exclusive on both tables, for a moment: vacuum and DDL wait, nothing else does.
-- Old binaries: go on as before.

alter table djps.ready set (autovacuum_vacuum_cost_delay = 2, autovacuum_vacuum_cost_limit = 100);
alter table djps.leases set (autovacuum_vacuum_cost_delay = 2, autovacuum_vacuum_cost_limit = 100);
