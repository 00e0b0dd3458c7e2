-- Says what is wrong with the delays of a retry policy; null: nothing. `p_needed`: one is required.
create or replace function djps.delays_trouble(p_delays jsonb, p_needed boolean) returns text
language sql immutable
as $$
  select case
    when jsonb_typeof(p_delays) <> 'array'
      or jsonb_array_length(p_delays) not between case when p_needed then 1 else 0 end and 1000
      then 'retry.delays_ms must be an array of 1 to 1000 delays'
    else (
      select format('retry.delays_ms[%s] ', e.n - 1) || djps.whole_trouble(e.item, 0, 31622400000)
      from jsonb_array_elements(p_delays) with ordinality e (item, n)
      where djps.whole_trouble(e.item, 0, 31622400000) is not null
      order by e.n
      limit 1)
  end;
$$;
