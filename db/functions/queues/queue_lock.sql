-- Returns the lock of a queue. Claimers hold it shared while they claim; a pause takes it alone.
create or replace function djps.queue_lock(p_queue text) returns bigint
language sql immutable strict parallel safe
as $$ select hashtextextended('djps.queue ' || p_queue, 0) $$;
