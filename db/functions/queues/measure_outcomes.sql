-- Counts the jobs that ended with each status: exactly below `p_bound`, as an estimate from there on.
--
-- Index: outcomes_unsuccessful_idx, the primary key. Cost: O(p_bound).
create or replace function djps.measure_outcomes(
  p_lane  smallint,
  p_bound integer,
  out succeeded bigint,
  out canceled bigint,
  out dead bigint,
  out exact boolean
)
language plpgsql volatile
as $$
declare
  v_all bigint;
begin
  select count(*) into dead from (
    select from djps.outcomes o
    where o.lane = p_lane and o.status <> 'succeeded' and o.status = 'dead' limit p_bound) b;
  select count(*) into canceled from (
    select from djps.outcomes o
    where o.lane = p_lane and o.status <> 'succeeded' and o.status = 'canceled' limit p_bound) b;
  select count(*), count(*) filter (where b.status = 'succeeded') into v_all, succeeded from (
    select o.status from djps.outcomes o
    where o.lane = p_lane order by o.id desc limit p_bound) b;
  exact := greatest(dead, canceled, v_all) < p_bound;
  if dead >= p_bound then
    dead := greatest(dead, djps.planned_rows(
      'select from djps.outcomes where status <> ''succeeded'' and status = ''dead'''));
  end if;
  if canceled >= p_bound then
    canceled := greatest(canceled, djps.planned_rows(
      'select from djps.outcomes where status <> ''succeeded'' and status = ''canceled'''));
  end if;
  if v_all >= p_bound then
    succeeded := greatest(
      succeeded, djps.planned_rows('select from djps.outcomes') - dead - canceled);
  end if;
end
$$;
