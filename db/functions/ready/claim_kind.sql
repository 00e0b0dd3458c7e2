-- Returns the key of a row of djps.claim_cursors: a hash of lane, queue and types, which may be long.
create or replace function djps.claim_kind(p_lane smallint, p_queue text, p_types text[])
returns uuid
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return encode(substring(sha256(convert_to(
  concat_ws(E'\n', p_lane, p_queue, array_to_string(p_types, E'\n')), 'UTF8')) for 16), 'hex')::uuid;
