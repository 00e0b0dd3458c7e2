-- Says what is wrong with one member of a submitted job, as "priority must be ..., got ..."; null:
-- nothing. A JSON null counts as a missing member, except as the payload.
--
-- These are the rules of src/core/job_rules.h; tests/integration/job_rules_test.cc keeps both the
-- same.
create or replace function djps.member_trouble(p_name text, p_value jsonb) returns text
language sql stable
as $$
  select case
    when p_name = 'payload' then 'payload ' || djps.json_trouble(p_value, 1048576)
    when jsonb_typeof(p_value) = 'null' and p_name <> 'type' then null
    else case p_name
      when 'type' then 'type ' || djps.name_trouble(p_value)
      when 'queue' then 'queue ' || djps.name_trouble(p_value)
      when 'priority' then 'priority ' || djps.whole_trouble(p_value, -32768, 32767)
      when 'max_attempts' then 'max_attempts ' || djps.whole_trouble(p_value, 1, 1000)
      when 'run_at' then 'run_at ' || djps.time_trouble(p_value)
      when 'delay_ms' then 'delay_ms ' || djps.whole_trouble(p_value, 0, 31622400000)
      when 'idempotency_key' then 'idempotency_key ' || coalesce(
        djps.string_trouble(p_value, 255),
        case when p_value #>> '{}' ~ '[\u0001-\u001f\u007f-\u009f]'
          then 'must not hold control characters' end)
      when 'key_lifetime_ms' then 'key_lifetime_ms ' || djps.whole_trouble(p_value, 1000, 31622400000)
      when 'timeout_ms' then 'timeout_ms ' || djps.whole_trouble(p_value, 1, 2147483647)
      when 'finish_by' then 'finish_by ' || djps.time_trouble(p_value)
      when 'tags' then djps.list_trouble('tags', p_value, 0, 20, 128)
      when 'metadata' then 'metadata ' || case
        when jsonb_typeof(p_value) <> 'object' then 'must be a JSON object'
        else djps.json_trouble(p_value, 65536) end
      when 'retry' then coalesce(djps.retry_trouble(p_value),
                                 'retry ' || djps.json_trouble(p_value, 65536))
      when 'unique' then coalesce(djps.unique_trouble(p_value),
                                  'unique ' || djps.json_trouble(p_value, 65536))
      else format('%s is not known', left(p_name, 64))
    end
  end;
$$;
