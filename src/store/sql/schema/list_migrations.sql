-- list_migrations()
-- The migrations this database has, in order. The table exists once the first one has run.
--
-- Returns: version int4, name text, checksum text, applied_at timestamptz
--
-- Locks: none. Cost: a handful of rows. Errors: 42P01 when no migration has ever run.
-- Safe to repeat: yes.
select version, name, checksum, applied_at
from djps.migrations
order by version
