-- Returns a text of a JSON value that is the same for equal values. jsonb prints 1 and 1.0
-- differently, though they are equal: here numbers lose the trailing zeros of their fractions. The
-- pattern matches strings only to skip them.
--
-- Why not jsonb_hash_extended: it gives [[1], 2] and [[1, 2]] the same hash.
create or replace function djps.plain_text(p_json jsonb) returns text
language sql immutable parallel safe
as $$
  -- One expression, so that the planner can inline it.
  select case
    when p_json::text like '%.%0%'
      then regexp_replace(p_json::text, '("(?:\\.|[^"\\])*")|(\.[0-9]*[1-9])0+\M|\.0+\M', '\1\2', 'g')
    else p_json::text
  end;
$$;
