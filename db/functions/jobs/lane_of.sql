-- Returns the lane of a job: the low 6 bits of its id.
create or replace function djps.lane_of(job_id uuid) returns smallint
language sql immutable strict parallel safe
as $$ select (get_byte(uuid_send(job_id), 15) & 63)::smallint $$;
