-- djps.jobs: every job with its status and core fields, joined from facts, ready, leases and outcomes.
-- One row per fact; the status is derived, never stored.
create view djps.jobs as
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
  -- The row is at its fact's own place or was moved: one of the two, or none while the job runs. The
  -- second look does not name the lane: a plan made while the table is small would otherwise walk all
  -- of ready_claim_key instead of ready_moved_idx.
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

comment on view djps.jobs is
  'Every job with its status and core fields, put together from facts, ready, leases and outcomes.';
