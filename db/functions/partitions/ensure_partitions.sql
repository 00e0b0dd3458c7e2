-- Makes the daily partitions of facts, outcomes and attempts from today to `p_days` days ahead. It
-- also makes the partitions of past days that have jobs in the default partition. Returns how many it
-- made. Many nodes may run it at once, and it may be repeated.
--
-- Locks: an advisory transaction lock. It builds a new partition apart and attaches it. That takes
-- SHARE UPDATE EXCLUSIVE on the parent (inserts and claims continue) and ACCESS EXCLUSIVE on the
-- default partition, out of which it moves at most 10,000 rows a day. With lock_timeout it gives up
-- rather than make other transactions wait.
create or replace function djps.ensure_partitions(p_days integer default 3) returns integer
language plpgsql volatile
set lock_timeout = '200ms'
as $$
declare
  v_today date := (clock_timestamp() at time zone 'UTC')::date;
  v_made  integer := 0;
  v_late  integer;
  v_day   date;
begin
  perform pg_advisory_xact_lock(hashtextextended('djps.ensure_partitions', 0));
  select count(*) into v_made
  from unnest(array['facts', 'outcomes', 'attempts']) parent
  cross join generate_series(v_today, v_today + p_days, interval '1 day') d
  where djps.make_partition(parent, d::date);
  for v_day in
    with recursive missed (day) as (
      select djps.day_of((select f.id from djps.facts_default f order by f.id limit 1))
      union all
      select djps.day_of((select f.id from djps.facts_default f
                          where f.id >= djps.day_floor(m.day + 1) order by f.id limit 1))
      from missed m where m.day is not null
    )
    select m.day from missed m where m.day < v_today limit 30
  loop
    begin
      select count(*) into v_late from unnest(array['facts', 'outcomes', 'attempts']) parent
      where djps.make_partition(parent, v_day);
      v_made := v_made + v_late;
    exception when invalid_object_definition then
      raise warning 'the default partition holds jobs of %, which another partition covers', v_day;
    end;
  end loop;
  return v_made;
end
$$;
