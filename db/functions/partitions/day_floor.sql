-- Returns the smallest UUIDv7 of a day (UTC), where the day's partitions begin.
create or replace function djps.day_floor(p_day date) returns uuid
language sql immutable strict parallel safe
as $$ select djps.uuid_floor(p_day::timestamp at time zone 'UTC') $$;
