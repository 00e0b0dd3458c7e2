-- Says what is wrong with a `unique` member; null: nothing.
create or replace function djps.unique_trouble(p_unique jsonb) returns text
language sql immutable
as $$
  select case
    when p_unique is null then null
    when jsonb_typeof(p_unique) <> 'object' then 'unique must be a JSON object'
    when p_unique ? 'fields' and (jsonb_typeof(p_unique -> 'fields') <> 'array'
                                  or jsonb_array_length(p_unique -> 'fields') not between 1 and 20)
      then 'unique.fields must be an array of 1 to 20 paths'
    when p_unique ? 'key' and (jsonb_typeof(p_unique -> 'key') <> 'string'
                               or octet_length(p_unique ->> 'key') not between 1 and 255)
      then 'unique.key must be a string of 1 to 255 bytes'
    when p_unique ? 'queue' and jsonb_typeof(p_unique -> 'queue') <> 'boolean'
      then 'unique.queue must be true or false'
    when p_unique ? 'period_ms' and (jsonb_typeof(p_unique -> 'period_ms') <> 'number'
         or (p_unique ->> 'period_ms')::numeric not between 1 and 31622400000)
      then 'unique.period_ms must be from 1 to 31622400000'
    when p_unique ? 'states' and (jsonb_typeof(p_unique -> 'states') <> 'array'
         or exists (select from jsonb_array_elements(p_unique -> 'states') s
                    where s #>> '{}' not in ('queued', 'running', 'failed', 'succeeded', 'canceled', 'dead')))
      then 'unique.states may hold queued, running, failed, succeeded, canceled, dead'
    when coalesce(p_unique ->> 'on_conflict', 'existing') not in ('existing', 'replace', 'reschedule')
      then format('unique.on_conflict must be existing, replace or reschedule, got %L',
                  p_unique ->> 'on_conflict')
    when exists (select from jsonb_object_keys(p_unique) k
                 where k not in ('fields', 'key', 'queue', 'period_ms', 'states', 'on_conflict'))
      then format('unique has an unknown member %s',
                  (select k from jsonb_object_keys(p_unique) k
                   where k not in ('fields', 'key', 'queue', 'period_ms', 'states', 'on_conflict')
                   limit 1))
  end;
$$;
