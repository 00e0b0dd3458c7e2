-- Finds a part that may have jobs past their retention, or parts to merge. Returns idle, chosen or
-- began.
create or replace function djps.history_choose() returns text
language plpgsql
as $$
declare
  v_today date := (clock_timestamp() at time zone 'UTC')::date;
  v_part  djps.history_parts;
begin
  delete from djps.history_parts p where to_regclass('djps.facts_' || p.suffix) is null;
  insert into djps.history_parts (from_day, to_day, suffix)
  select d.day, d.day + 1, to_char(d.day, 'YYYYMMDD')
  from pg_inherits i
  join pg_class c on c.oid = i.inhrelid
  cross join lateral (select to_date(right(c.relname, 8), 'YYYYMMDD') as day) d
  where i.inhparent = 'djps.facts'::regclass and c.relname ~ '^facts_[0-9]{8}$' and d.day < v_today
  on conflict do nothing;

  select * into v_part from djps.history_parts p
  where (p.from_day + 1)::timestamp at time zone 'UTC'
          + djps.history_slack(p.from_day, p.to_day) - interval '7 days'
          + (select min(r.keep) from djps.retention r)
          <= clock_timestamp()
    and coalesce(p.check_at, '-infinity') <= clock_timestamp()
  order by p.from_day limit 1;
  if not found then
    return djps.history_choose_merge();
  end if;
  insert into djps.history_work (phase, from_day, to_day, sources, after_id)
  values ('survey', v_part.from_day, v_part.to_day, array[v_part.suffix],
          djps.day_floor(v_part.from_day));
  return 'chosen';
end
$$;
