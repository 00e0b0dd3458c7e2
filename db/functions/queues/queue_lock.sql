-- Claimers of a queue hold this lock shared while they claim; who pauses it takes it alone.
create or replace function djps.queue_lock(p_queue text) returns bigint
language sql immutable strict parallel safe
as $$ select hashtextextended('djps.queue ' || p_queue, 0) $$;
