-- Makes a UUIDv7 (RFC 9562, section 5.7) with the lane in its low 6 bits.
create or replace function djps.new_job_id(p_lane smallint default 0) returns uuid
language sql volatile
as $$
  select encode(set_byte(set_byte(set_byte(b.bytes,
             6, (get_byte(b.bytes, 6) & 15) | 112),
             8, (get_byte(b.bytes, 8) & 63) | 128),
             15, (get_byte(b.bytes, 15) & 192) | p_lane), 'hex')::uuid
  from (
    -- 48 bits of milliseconds, then random bits.
    select substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
           || substring(uuid_send(gen_random_uuid()) from 7) as bytes
  ) b;
$$;
