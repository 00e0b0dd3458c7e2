-- Returns the smallest UUIDv7 of a moment, where a partition that starts then begins.
create or replace function djps.uuid_floor(moment timestamptz) returns uuid
language sql immutable strict parallel safe
as $$
  select (lpad(to_hex(floor(extract(epoch from moment) * 1000)::bigint), 12, '0')
          || '00000000000000000000')::uuid;
$$;
