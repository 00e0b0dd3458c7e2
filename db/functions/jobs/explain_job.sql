-- Says why a job is not running now: the one reason that must be resolved first. No row: no such job.
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
-- The three reasons about workers need djps.workers, which lists the workers. Without that table they
-- are not given.
--
-- Cost: a few probes. For a waiting job also O(p_bound) rows of ready_claim_key and as many of the
-- latest outcomes.
create or replace function djps.explain_job(
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
  v_job  djps.jobs;
  v_busy boolean := false;
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

  estimate_ms := djps.estimate_wait(p_lane, v_job.queue, ahead);
  return next;
end
$$;
