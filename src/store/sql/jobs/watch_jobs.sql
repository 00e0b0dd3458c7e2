-- watch_jobs(int2, uuid[])
-- Returns the status of some jobs, for the loop that waits for their end.
--
-- $1 lane  int2
-- $2 ids   uuid[]
-- Returns: id uuid, status text, attempts int2
-- A missing id names no job, or no job any more.
--
-- Locks: none. Index: primary keys, ready_claim_key, ready_moved_idx. Cost: O(ids), and one look
-- through the leases when one of the jobs runs. Safe to repeat: yes.
with watched as materialized (
  select f.id, o.status, o.attempts, r.failed, r.attempts as used, r.id is not null as waits
  from unnest($2) as w (id)
  -- offset 0: one probe for each job, never a join with all jobs, whatever the statistics say.
  cross join lateral (
    select f0.id, f0.queue, f0.priority, f0.run_at
    from djps.facts f0 where f0.id = w.id and f0.lane = $1 offset 0
  ) f
  left join lateral (
    select o0.id, o0.status, o0.attempts
    from djps.outcomes o0 where o0.id = w.id and o0.lane = $1 offset 0
  ) o on true
  left join lateral (
    select r0.id, r0.failed, r0.attempts from djps.ready r0
    where r0.lane = $1 and r0.queue = f.queue and r0.priority = f.priority
      and r0.visible_at = f.run_at and r0.id = f.id and r0.moved_at is null
    union all
    select r1.id, r1.failed, r1.attempts from djps.ready r1
    -- Does not name the lane: with it the planner may walk all of ready_claim_key.
    where r1.id = f.id and r1.moved_at is not null
  ) r on o.id is null
),

held as materialized (
  select h.id, h.attempt
  from djps.leases l
  cross join lateral unnest(l.job_ids, l.attempts) as h (id, attempt)
  where l.lane = $1
    and exists (select from watched w where w.status is null and not w.waits)
)

select w.id,
       case when w.status is not null then w.status::text
            when not w.waits then 'running'
            when w.failed then 'failed'
            else 'queued' end as status,
       coalesce(w.attempts, w.used, h.attempt, 0::int2) as attempts
from watched w
left join held h on h.id = w.id
