-- Says what is wrong with a list of strings of 1 to `p_bytes_max` bytes, with its name; null: nothing.
create or replace function djps.list_trouble(p_name text, p_value jsonb, p_count_min integer,
                                             p_count_max integer, p_bytes_max integer)
returns text
language sql immutable parallel safe
as $$
  select case
    when jsonb_typeof(p_value) <> 'array'
      then format('%s must be an array, got %s', p_name, djps.shown(p_value))
    when jsonb_array_length(p_value) not between p_count_min and p_count_max
      then format('%s must have %s to %s items, got %s', p_name, p_count_min, p_count_max,
                  jsonb_array_length(p_value))
    else (
      select format('%s[%s] ', p_name, e.n - 1) || djps.string_trouble(e.item, p_bytes_max)
      from jsonb_array_elements(p_value) with ordinality e (item, n)
      where djps.string_trouble(e.item, p_bytes_max) is not null
      order by e.n
      limit 1)
  end;
$$;
