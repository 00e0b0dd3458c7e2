-- Hashes what must be unique: 128 bits of SHA-256, which FIPS servers have. `fields` null: the whole
-- payload; else those paths of it, with a dot between names. A path that does not exist counts as
-- null. Fields and a payload that look the same are different places, hence the names.
create or replace function djps.unique_hash(p_type text, p_queue text, p_payload jsonb, p_unique jsonb)
returns uuid
language sql immutable
as $$
  select encode(substring(sha256(convert_to(djps.plain_text(jsonb_build_object(
    'type', p_type,
    'queue', case when (p_unique ->> 'queue')::boolean then p_queue end,
    'key', p_unique -> 'key')
    || case
      when jsonb_typeof(p_unique -> 'fields') = 'array' then jsonb_build_object('fields',
        (select jsonb_object_agg(field, p_payload #> string_to_array(field, '.'))
         from jsonb_array_elements_text(p_unique -> 'fields') field))
      when p_unique ? 'key' then '{}'
      else jsonb_build_object('payload', p_payload)
    end), 'UTF8')) for 16), 'hex')::uuid;
$$;
