-- Counts the waiting jobs of one queue, due now and due later. Also returns since when the oldest due
-- job waits. Counts are exact below `p_bound`; from there on they are the planner's estimate, and
-- `exact` is false. In a queue with many priorities and that many rows, oldest_due covers only the 64
-- most urgent priorities.
--
-- Index: ready_claim_key, one range per priority level, so that rows of the future are not walked.
-- With more than 64 levels it walks all rows, at most twice p_bound. Cost: O(p_bound).
create or replace function djps.measure_queue(
  p_lane  smallint,
  p_queue text,
  p_bound integer,
  out due bigint,
  out later bigint,
  out exact boolean,
  out oldest_due timestamptz
)
language plpgsql volatile
as $$
declare
  v_level smallint;
  v_first timestamptz;
begin
  due := 0;
  later := 0;
  select r.priority into v_level from djps.ready r
  where r.lane = p_lane and r.queue = p_queue order by r.priority limit 1;
  for v_levels in 1 .. 64 loop
    exit when v_level is null;
    due := due + (select count(*) from (
      select from djps.ready r
      where r.lane = p_lane and r.queue = p_queue and r.priority = v_level
        and r.visible_at <= now()
      limit p_bound - due) bounded);
    later := later + (select count(*) from (
      select from djps.ready r
      where r.lane = p_lane and r.queue = p_queue and r.priority = v_level
        and r.visible_at > now()
      limit p_bound - later) bounded);
    select r.visible_at into v_first from djps.ready r
    where r.lane = p_lane and r.queue = p_queue and r.priority = v_level
      and r.visible_at <= now()
    order by r.visible_at limit 1;
    oldest_due := least(oldest_due, v_first);
    v_level := (select r.priority from djps.ready r
                where r.lane = p_lane and r.queue = p_queue and r.priority > v_level
                order by r.priority limit 1);
  end loop;
  exact := due < p_bound and later < p_bound;
  if v_level is not null and exact then
    select count(*) filter (where w.visible_at <= now()), count(*) filter (where w.visible_at > now()),
           min(w.visible_at) filter (where w.visible_at <= now())
    into due, later, v_first
    from (select r.visible_at from djps.ready r
          where r.lane = p_lane and r.queue = p_queue limit 2 * p_bound) w;
    oldest_due := least(oldest_due, v_first);
    exact := due < p_bound and later < p_bound;
  end if;
  if due >= p_bound or (v_level is not null and not exact) then
    due := greatest(due, djps.planned_rows(format(
      'select from djps.ready where lane = %s and queue = %L and visible_at <= %L',
      p_lane, p_queue, now())));
  end if;
  if later >= p_bound or (v_level is not null and not exact) then
    later := greatest(later, djps.planned_rows(format(
      'select from djps.ready where lane = %s and queue = %L and visible_at > %L',
      p_lane, p_queue, now())));
  end if;
end
$$;
