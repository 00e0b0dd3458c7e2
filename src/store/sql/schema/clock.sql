-- clock()
-- Reads the database's clock, which gives new job ids their time.
--
-- Returns: now timestamptz
--
-- Locks: none. Cost: constant. Safe to repeat: yes.
select clock_timestamp() as now
