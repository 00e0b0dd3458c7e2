-- clock()
-- The database's clock, by which new job ids are stamped.
--
-- Returns: now timestamptz
--
-- Locks: none. Cost: constant. Safe to repeat: yes.
select clock_timestamp() as now
