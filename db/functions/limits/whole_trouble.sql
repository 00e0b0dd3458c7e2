-- Says why a JSON value is not a whole number from `p_min` to `p_max`; null: it is one. 34.0 is 34.
create or replace function djps.whole_trouble(p_value jsonb, p_min bigint, p_max bigint) returns text
language sql immutable parallel safe
as $$
  select case
    when jsonb_typeof(p_value) = 'number'
      and (case when jsonb_typeof(p_value) = 'number' then p_value::numeric end) between p_min and p_max
      and (case when jsonb_typeof(p_value) = 'number' then p_value::numeric end) % 1 = 0 then null
    else format('must be a whole number from %s to %s, got %s', p_min, p_max, djps.shown(p_value))
  end;
$$;
