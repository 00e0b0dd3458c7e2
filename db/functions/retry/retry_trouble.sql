-- Says what is wrong with a retry policy; null: nothing.
create or replace function djps.retry_trouble(policy jsonb) returns text
language sql immutable
as $$
  select case
    when policy is null then null
    when jsonb_typeof(policy) <> 'object' then 'retry must be a JSON object'
    when coalesce(policy ->> 'kind', '') not in ('exponential', 'linear', 'fixed', 'list') then
      format('retry.kind must be exponential, linear, fixed or list, got %s',
             coalesce(policy ->> 'kind', 'nothing'))
    when policy ->> 'kind' in ('linear', 'fixed') and jsonb_typeof(policy -> 'delay_ms') is distinct from 'number'
      then format('retry.delay_ms is missing, which kind %s needs', policy ->> 'kind')
    when policy ->> 'kind' = 'list' and (jsonb_typeof(policy -> 'delays_ms') is distinct from 'array'
                                         or jsonb_array_length(policy -> 'delays_ms') not between 1 and 1000)
      then 'retry.delays_ms must be an array of 1 to 1000 numbers'
    when exists (select from jsonb_each(policy) e
                 where e.key in ('base_ms', 'cap_ms', 'delay_ms')
                   and (jsonb_typeof(e.value) <> 'number'
                        or (e.value #>> '{}')::numeric not between 0 and 31622400000))
      then 'retry.base_ms, cap_ms and delay_ms must be from 0 to 31622400000'
    when exists (select from jsonb_array_elements(
                   case when jsonb_typeof(policy -> 'delays_ms') = 'array' then policy -> 'delays_ms'
                        else '[]' end) d
                 where jsonb_typeof(d) <> 'number'
                    or (d #>> '{}')::numeric not between 0 and 31622400000)
      then 'retry.delays_ms must be from 0 to 31622400000 each'
    when policy ? 'factor' and (jsonb_typeof(policy -> 'factor') <> 'number'
                                or (policy ->> 'factor')::numeric not between 1 and 100)
      then 'retry.factor must be from 1 to 100'
    when policy ? 'jitter' and jsonb_typeof(policy -> 'jitter') <> 'boolean'
      then 'retry.jitter must be true or false'
    when exists (select from jsonb_object_keys(policy) k
                 where k not in ('kind', 'base_ms', 'factor', 'cap_ms', 'jitter', 'delay_ms', 'delays_ms'))
      then format('retry has an unknown member %s',
                  (select k from jsonb_object_keys(policy) k
                   where k not in ('kind', 'base_ms', 'factor', 'cap_ms', 'jitter', 'delay_ms', 'delays_ms')
                   limit 1))
  end;
$$;
