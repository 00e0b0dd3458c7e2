-- 0006_reading: what looking at jobs and queues needs: an index for the ends that are not successes,
-- the tags by which jobs are found, and bounded measures of what cannot be counted.
--
-- Nothing here counts without a bound: a queue of ten million jobs is measured by looking at ten
-- thousand of them and asking the planner about the rest.
--
-- Locks: building the index takes SHARE on the partitions of outcomes (completions wait meanwhile;
-- only rows that did not succeed are in it). Old binaries: go on working.

-- Rows of jobs that succeeded, which is nearly all of them, pay nothing for it.
create index outcomes_unsuccessful_idx on djps.outcomes (status, id) where status <> 'succeeded';

-- How many rows the planner expects from a query: the statistics' answer to count(*), in
-- microseconds, whatever the size. Callers quote what they put into the query.
create function djps.planned_rows(p_query text) returns bigint
language plpgsql volatile strict
as $$
declare
  v_plan json;
begin
  execute 'explain (format json) ' || p_query into v_plan;
  return (v_plan -> 0 -> 'Plan' ->> 'Plan Rows')::numeric::bigint;
end
$$;

-- What waits in one queue: due now, due later, and since when the oldest due row waits. Counts are
-- exact below `p_bound`; from there on they are the planner's estimate, and `exact` is false.
--
-- Index: ready_claim_key, one range per priority level. Cost: O(levels + p_bound).
create function djps.measure_queue(
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
  while v_level is not null loop
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
  if due >= p_bound then
    due := greatest(due, djps.planned_rows(format(
      'select from djps.ready where lane = %s and queue = %L and visible_at <= %L',
      p_lane, p_queue, now())));
  end if;
  if later >= p_bound then
    later := greatest(later, djps.planned_rows(format(
      'select from djps.ready where lane = %s and queue = %L and visible_at > %L',
      p_lane, p_queue, now())));
  end if;
end
$$;

-- How many jobs ended in each way, counted exactly below `p_bound` and estimated from there on.
--
-- Index: outcomes_unsuccessful_idx, the primary key. Cost: O(p_bound).
create function djps.measure_outcomes(
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

-- Why a job is not running now: the one reason that would have to go first. No row: no such job.
--
--   finished      it ended; `status` says how
--   running       it runs; `worker` says where, `until` for how long its lease holds without a heartbeat
--   backoff       attempt number `attempt` failed; the next one is due at `until`
--   not_due       it was asked for no sooner than `until`
--   behind        `ahead` jobs of its queue come before it (exact below `p_bound`); with none ahead
--                 the next worker that asks gets it. `estimate_ms` from the queue's recent pace.
--
-- Cost: a few probes, and for a job that waits O(p_bound) rows of ready_claim_key and as many of the
-- latest outcomes.
create function djps.explain_job(
  p_lane  smallint,
  p_job   uuid,
  p_bound integer default 10000
) returns table (
  reason text, status text, queue text, type text, attempt smallint, worker text,
  until timestamptz, ahead bigint, ahead_exact boolean, estimate_ms bigint
)
language plpgsql volatile
as $$
declare
  v_job    djps.jobs;
  v_ended  bigint;
  v_window double precision;
begin
  select * into v_job from djps.jobs j where j.id = p_job;
  if not found then
    return;
  end if;
  status := v_job.status;
  queue := v_job.queue;
  type := v_job.type;
  attempt := v_job.attempts;
  worker := v_job.worker;

  if v_job.finished_at is not null then
    reason := 'finished';
    return next;
    return;
  end if;
  if status = 'running' then
    reason := 'running';
    until := v_job.lease_expires_at;
    return next;
    return;
  end if;
  if v_job.run_at > now() then
    reason := case when status = 'failed' then 'backoff' else 'not_due' end;
    until := v_job.run_at;
    return next;
    return;
  end if;

  reason := 'behind';
  select count(*) into ahead from (
    select from djps.ready r
    where r.lane = p_lane and r.queue = v_job.queue and r.priority <= v_job.priority
      and r.visible_at <= now()
      and (r.priority, r.visible_at, r.id) < (v_job.priority, v_job.run_at, p_job)
    limit p_bound) before;
  ahead_exact := ahead < p_bound;

  -- The pace of the queue: what of the latest outcomes ended within the last minute.
  select count(*), extract(epoch from clock_timestamp() - min(recent.finished_at))
  into v_ended, v_window
  from (
    select o.id, o.finished_at from djps.outcomes o
    where o.lane = p_lane order by o.id desc limit 2000) recent
  join djps.facts f on f.id = recent.id and f.lane = p_lane and f.queue = v_job.queue
  where recent.finished_at > clock_timestamp() - interval '1 minute';
  if v_ended > 0 then
    estimate_ms := ((ahead + 1) * 1000 * greatest(v_window, 0.001) / v_ended)::bigint;
  end if;
  return next;
end
$$;
