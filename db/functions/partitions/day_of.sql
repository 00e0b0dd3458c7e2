-- Returns the day on which the job with this id was submitted.
create or replace function djps.day_of(p_id uuid) returns date
language sql immutable strict parallel safe
as $$
  select (timestamp 'epoch' + interval '1 millisecond'
          * ('x' || left(replace(p_id::text, '-', ''), 12))::bit(48)::bigint)::date
$$;
