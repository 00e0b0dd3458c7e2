-- Hashes what must be unique: 128 bits of SHA-256, which FIPS servers have. `fields` null: the whole
-- payload; else those paths of it, with a dot between names. A path that does not exist counts as
-- null.
create or replace function djps.unique_hash(p_type text, p_queue text, p_payload jsonb, p_unique jsonb)
returns uuid
language sql immutable
as $$
  select encode(substring(sha256(convert_to(djps.plain_text(jsonb_build_array(
    p_type,
    case when (p_unique ->> 'queue')::boolean then p_queue end,
    p_unique -> 'key',
    case
      when p_unique ? 'key' and not p_unique ? 'fields' then null
      when jsonb_typeof(p_unique -> 'fields') = 'array' then
        (select jsonb_object_agg(field, p_payload #> string_to_array(field, '.'))
         from jsonb_array_elements_text(p_unique -> 'fields') field)
      else p_payload
    end)), 'UTF8')) for 16), 'hex')::uuid;
$$;
