-- 0010_held_snapshots: what made DJPS slower while somebody held a snapshot.
--
-- Rows that were deleted since stay where they are then: vacuum passes over all of them, removes none,
-- and autovacuum starts the next one at once; and whoever scans an index walks over their entries.
--
--   leases_expiry_idx  without the lane, which is the same for all: with it the planner took this index
--                      for "lane and id" (the table has a dozen rows when it is analyzed, so all indexes
--                      cost the same), and each completion walked over every lease since the snapshot
--   ready, leases      vacuum takes its time: claims and completions do not walk over what it leaves, and
--                      a server whose autovacuum_vacuum_cost_delay is 0 spent most of a core on it
--
-- The measurements: docs/decisions/0010-held-snapshots.md.
--
-- Locks: on leases access exclusive while the index is made, which takes as long as a table of some rows
-- per worker; on ready share update exclusive for a moment. Old binaries: go on as before.

drop index djps.leases_expiry_idx;
create index leases_expiry_idx on djps.leases (expires_at);

alter table djps.ready set (autovacuum_vacuum_cost_delay = 2, autovacuum_vacuum_cost_limit = 100);
alter table djps.leases set (autovacuum_vacuum_cost_delay = 2, autovacuum_vacuum_cost_limit = 100);
