-- Says why a JSON value is not a string of 1 to `p_bytes_max` bytes; null: it is one.
create or replace function djps.string_trouble(p_value jsonb, p_bytes_max integer) returns text
language sql immutable parallel safe
as $$
  select case
    when jsonb_typeof(p_value) <> 'string'
      then format('must be a string, got %s', djps.shown(p_value))
    when octet_length(p_value #>> '{}') not between 1 and p_bytes_max
      then format('must have 1 to %s bytes, got %s', p_bytes_max, octet_length(p_value #>> '{}'))
  end;
$$;
