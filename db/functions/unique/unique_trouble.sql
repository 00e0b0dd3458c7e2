-- Says what is wrong with a `unique` member; null: nothing.
create or replace function djps.unique_trouble(p_unique jsonb) returns text
language sql immutable
as $$
  select case
    when p_unique is null then null
    when jsonb_typeof(p_unique) <> 'object' then 'unique must be a JSON object'
    else (
      select t.trouble
      from jsonb_each(p_unique) m
      cross join lateral (
        select case m.key
          when 'fields' then djps.list_trouble('unique.fields', m.value, 1, 20, 255)
          when 'key' then 'unique.key ' || djps.string_trouble(m.value, 255)
          when 'queue' then
            case when jsonb_typeof(m.value) <> 'boolean' then 'unique.queue must be true or false' end
          when 'period_ms' then 'unique.period_ms ' || djps.whole_trouble(m.value, 1, 31622400000)
          when 'states' then coalesce(
            djps.list_trouble('unique.states', m.value, 1, 6, 64),
            (select format('unique.states may hold queued, running, failed, succeeded, canceled, dead, got %s', djps.shown(s))
             from jsonb_array_elements(m.value) s
             where s #>> '{}' not in ('queued', 'running', 'failed', 'succeeded', 'canceled', 'dead')
             limit 1))
          when 'on_conflict' then
            case when m.value #>> '{}' not in ('existing', 'replace', 'reschedule')
              then format('unique.on_conflict must be existing, replace or reschedule, got %s',
                          djps.shown(m.value)) end
          else format('unique.%s is not known', left(m.key, 64))
        end as trouble) t
      where jsonb_typeof(m.value) <> 'null' and t.trouble is not null
      limit 1)
  end;
$$;
