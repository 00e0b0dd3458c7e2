-- Says why a JSON value is not the name of a type or queue; null: it is one.
create or replace function djps.name_trouble(p_value jsonb) returns text
language sql immutable parallel safe
as $$
  select coalesce(
    djps.string_trouble(p_value, 128),
    case when p_value #>> '{}' !~ '^[A-Za-z0-9_.:/-]+$'
      then format('may hold only A-Z a-z 0-9 _ . : / - , got %s', djps.shown(p_value)) end);
$$;
