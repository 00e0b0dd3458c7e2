-- Says what is wrong with a retry policy; null: nothing.
create or replace function djps.retry_trouble(policy jsonb) returns text
language sql immutable
as $$
  select case
    when policy is null then null
    when jsonb_typeof(policy) <> 'object' then 'retry must be a JSON object'
    when coalesce(policy ->> 'kind', '') not in ('exponential', 'linear', 'fixed', 'list') then
      format('retry.kind must be exponential, linear, fixed or list, got %s',
             coalesce(left(policy ->> 'kind', 64), 'nothing'))
    when policy ->> 'kind' in ('linear', 'fixed') and policy ->> 'delay_ms' is null
      then format('retry.delay_ms is missing, which kind %s needs', policy ->> 'kind')
    when policy ->> 'kind' = 'list' and policy ->> 'delays_ms' is null
      then 'retry.delays_ms is missing, which kind list needs'
    else (
      select t.trouble
      from jsonb_each(policy) m
      cross join lateral (
        select case
          when m.key in ('base_ms', 'cap_ms', 'delay_ms') then
            format('retry.%s ', m.key) || djps.whole_trouble(m.value, 0, 31622400000)
          when m.key = 'factor' then
            case when jsonb_typeof(m.value) <> 'number' or (m.value #>> '{}')::numeric not between 1 and 100
              then format('retry.factor must be a number from 1 to 100, got %s', djps.shown(m.value)) end
          when m.key = 'jitter' then
            case when jsonb_typeof(m.value) <> 'boolean' then 'retry.jitter must be true or false' end
          when m.key = 'delays_ms' then djps.delays_trouble(m.value, policy ->> 'kind' = 'list')
          when m.key <> 'kind' then format('retry.%s is not known', left(m.key, 64))
        end as trouble) t
      where jsonb_typeof(m.value) <> 'null' and t.trouble is not null
      limit 1)
  end;
$$;
