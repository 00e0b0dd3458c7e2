-- check_server()
-- The health check: does the server answer, does it take writes, is it durable?
--
-- Returns: version_num int4, read_only bool, fsync bool, full_page_writes bool, schema_version int4
--
-- Locks: none. Cost: constant. Safe to repeat: yes. Errors: 42P01 when no migration has ever run.
select current_setting('server_version_num')::int4 as version_num,
       pg_is_in_recovery() or current_setting('transaction_read_only')::bool as read_only,
       current_setting('fsync')::bool as fsync,
       current_setting('full_page_writes')::bool as full_page_writes,
       (select coalesce(max(version), 0) from djps.migrations) as schema_version
