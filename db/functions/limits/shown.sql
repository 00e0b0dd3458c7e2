-- Shows a JSON value in an error message: the first 64 characters of a scalar, else the kind of
-- value.
create or replace function djps.shown(p_value jsonb) returns text
language sql immutable parallel safe
as $$
  select case jsonb_typeof(p_value)
    when 'array' then 'an array'
    when 'object' then 'an object'
    else left(p_value::text, 64)
  end;
$$;
