-- list_migrations()
-- Lists the migrations of this database, in order. The first migration creates the table.
--
-- Returns: version int4, name text, checksum text, applied_at timestamptz
--
-- Locks: none. Cost: a handful of rows. Errors: 42P01 when no migration has ever run.
-- Safe to repeat: yes.
select version, name, checksum, applied_at
from djps.migrations
order by version
