-- list_definitions()
-- Lists the functions, views and scripts that `djps migrate up` has made in this database.
--
-- Returns: kind text, name text, checksum text, signature text
--
-- Locks: none. Cost: a hundred rows or so. Errors: 42P01 when no migration has ever run.
-- Safe to repeat: yes.
select kind, name, checksum, signature
from djps.definitions
order by kind, name
