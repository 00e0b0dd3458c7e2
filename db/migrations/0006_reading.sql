-- 0006_reading: what looking at jobs and queues needs: an index for the ends that are not successes,
-- the tags by which jobs are found, and bounded measures of what cannot be counted.
--
-- Nothing here counts without a bound: a queue of ten million jobs is measured by looking at ten
-- thousand of them and asking the planner about the rest.
--
-- Locks: building the index takes SHARE on the partitions of outcomes (completions wait meanwhile;
-- only rows that did not succeed are in it); the triggers take SHARE ROW EXCLUSIVE on facts for a
-- moment. Old binaries: go on working.

set local lock_timeout = '10s';

-- Rows of jobs that succeeded, which is nearly all of them, pay nothing for it.
create index outcomes_unsuccessful_idx on djps.outcomes (status, id) where status <> 'succeeded';

-- The jobs that have a tag. Written by triggers, so that it does not matter who submits, and only for
-- jobs that have tags: for others the condition of the trigger is looked at, which cannot be measured
-- beside the insert.
create table djps.job_tags (
  lane   smallint not null,
  tag    text collate "C" not null,
  job_id uuid     not null,
  primary key (lane, tag, job_id)
);

create function djps.note_tags() returns trigger
language plpgsql volatile
as $$
begin
  if tg_op = 'DELETE' then
    delete from djps.job_tags t
    where t.lane = old.lane and t.tag = any (old.tags) and t.job_id = old.id;
  else
    insert into djps.job_tags (lane, tag, job_id)
    select new.lane, tag, new.id from unnest(new.tags) tag
    on conflict do nothing;
  end if;
  return null;
end
$$;

create trigger facts_note_tags after insert on djps.facts
  for each row when (new.tags is not null) execute function djps.note_tags();
create trigger facts_forget_tags after delete on djps.facts
  for each row when (old.tags is not null) execute function djps.note_tags();

insert into djps.job_tags (lane, tag, job_id)
select f.lane, tag, f.id from djps.facts f cross join lateral unnest(f.tags) tag
where f.tags is not null
on conflict do nothing;

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

-- What keeps the workers from a job of this queue and type; null: nothing. Call it only where there is
-- a table djps.workers. A worker that has not said what it works on may work on anything.
create function djps.worker_trouble(p_lane smallint, p_queue text, p_type text, out trouble text)
language plpgsql stable
as $$
begin
  select case when count(*) = 0 then 'no_worker'
              when not bool_or(live.handles) then 'unknown_type'
              when not bool_or(live.handles and live.free) then 'no_free_slot' end
  into trouble
  from (
    select w.types = '{}' or p_type = any (w.types) as handles,
           w.capacity is null or w.capacity > coalesce(w.running, (
             select coalesce(sum(cardinality(l.job_ids)), 0)
             from djps.leases l where l.lane = p_lane and l.worker = w.name)) as free
    from djps.workers w
    where w.last_seen_at > now() - interval '60 s'
      and (w.queues = '{}' or p_queue = any (w.queues))
  ) live;
end
$$;

-- Why a job is not running now: the one reason that would have to go first. No row: no such job.
--
--   finished      it ended; `status` says how
--   running       it runs; `worker` says where, `until` for how long its lease holds without a heartbeat
--   backoff       attempt number `attempt` failed; the next one is due at `until`
--   not_due       it was asked for no sooner than `until`
--   queue_paused  somebody paused its queue; `until` is null
--   no_worker     no worker works on its queue; a worker counts for 60 s after it was last seen
--   unknown_type  workers work on its queue, but none has a handler for its type
--   no_free_slot  it is the next one, and all slots of those workers are taken
--   behind        `ahead` jobs of its queue come before it (exact below `p_bound`); with none ahead
--                 the next worker that asks gets it. `estimate_ms` from the queue's recent pace.
--
-- The three about workers need djps.workers, which says who is there; no such table, no such reason.
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
  v_busy   boolean := false;
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

  if exists (select from djps.queues q
             where q.lane = p_lane and q.name = v_job.queue and q.paused_at is not null) then
    reason := 'queue_paused';
    return next;
    return;
  end if;
  if to_regclass('djps.workers') is not null then
    select w.trouble into reason from djps.worker_trouble(p_lane, v_job.queue, v_job.type) w;
    if reason in ('no_worker', 'unknown_type') then
      return next;
      return;
    end if;
    v_busy := reason is not null;
  end if;

  select count(*) into ahead from (
    select from djps.ready r
    where r.lane = p_lane and r.queue = v_job.queue and r.priority <= v_job.priority
      and r.visible_at <= now()
      and (r.priority, r.visible_at, r.id) < (v_job.priority, v_job.run_at, p_job)
    limit p_bound) before;
  ahead_exact := ahead < p_bound;
  reason := case when v_busy and ahead = 0 then 'no_free_slot' else 'behind' end;

  -- The pace of the queue: what of the latest outcomes ended within the last minute.
  select count(*), extract(epoch from clock_timestamp() - min(recent.finished_at))
  into v_ended, v_window
  from (
    select o.id, o.finished_at from djps.outcomes o
    where o.lane = p_lane order by o.id desc limit 2000) recent
  cross join lateral (
    -- offset 0: a probe for each, never a join with all facts.
    select f0.queue from djps.facts f0 where f0.id = recent.id and f0.lane = p_lane offset 0) f
  where f.queue = v_job.queue and recent.finished_at > clock_timestamp() - interval '1 minute';
  if v_ended > 0 then
    estimate_ms := ((ahead + 1) * 1000 * greatest(v_window, 0.001) / v_ended)::bigint;
  end if;
  return next;
end
$$;

-- ---- The view, with a plan that stays good ----------------------------------------------------

create or replace view djps.jobs as
select
  f.id,
  f.type,
  f.queue,
  f.payload,
  case
    when o.id is not null then o.status
    when r.id is null then 'running'
    when r.failed then 'failed'
    else 'queued'
  end as status,
  coalesce(r.priority, f.priority) as priority,
  coalesce(r.visible_at, f.run_at) as run_at,
  coalesce(o.attempts, r.attempts, l.attempts[array_position(l.job_ids, f.id)], 0::smallint) as attempts,
  f.max_attempts,
  f.idempotency_key,
  f.created_at,
  coalesce(o.finished_at, r.moved_at, l.claimed_at, f.created_at) as updated_at,
  o.finished_at,
  o.result,
  l.id as lease_token,
  l.worker,
  l.expires_at as lease_expires_at,
  f.tags,
  f.metadata,
  f.retry,
  f.timeout_ms,
  f.finish_by,
  coalesce(f.id = any (l.canceled), false) as cancel_requested
from djps.facts f
left join djps.outcomes o on o.id = f.id and o.lane = f.lane
left join lateral (
  -- At its fact's own place, or moved: exactly one of the two, or none when it is running. The second
  -- look does not name the lane: a plan made while the table is small would take it for a reason to
  -- go through all of ready_claim_key instead of ready_moved_idx.
  select r0.* from djps.ready r0
  where r0.lane = f.lane and r0.queue = f.queue and r0.priority = f.priority
    and r0.visible_at = f.run_at and r0.id = f.id and r0.moved_at is null
  union all
  select r1.* from djps.ready r1
  where r1.id = f.id and r1.moved_at is not null
) r on o.id is null
left join lateral (
  select l0.* from djps.leases l0
  where l0.lane = f.lane and f.id = any (l0.job_ids)
  limit 1
) l on o.id is null and r.id is null;

-- A job as the API shows it: with its latest error, and what its latest attempt said last.
create view djps.job_details as
select j.*, e.last_error, p.progress
from djps.jobs j
left join lateral (
  select jsonb_build_object('class', a.error_class, 'message', a.message, 'detail', a.detail,
                            'attempt', a.attempt, 'worker', a.worker,
                            'ended_at', a.ended_at) as last_error
  from djps.attempts a
  where a.job_id = j.id
  order by a.ended_at desc
  limit 1
) e on true
left join lateral (
  select jsonb_build_object('percent', w.percent, 'message', w.message,
                            'updated_at', w.updated_at) as progress
  from djps.progress w
  where w.job_id = j.id and w.lane = djps.lane_of(j.id) and w.attempt >= j.attempts
) p on true;
