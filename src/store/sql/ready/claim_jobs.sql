-- claim_jobs(int2, text, text[], int2[], timestamptz[], uuid[], timestamptz[], int4, uuid, text, interval)
-- Claims up to $8 due jobs of one queue for one worker, smallest priority number first, oldest first.
-- It puts them under one new lease. This and claim_jobs_for_many are the only ways to start a job.
--
-- $1 lane            int2
-- $2 queue           text
-- $3 types           text[]         the types this worker has handlers for; other jobs are skipped
-- $4 priorities      int2[]         the levels to look at, ascending
-- $5 from_at         timestamptz[]  per level: nothing to find before the place (from_at, from_id);
-- $6 from_id         uuid[]         '-infinity' to look at all. See src/store/claims/claim_cursor.h
-- $7 until           timestamptz[]  per level: look no further than this; null: until now
-- $8 limit           int4           1..500
-- $9 lease           uuid           the new lease's id, random: the fencing token of this batch
-- $10 worker         text           for people
-- $11 duration       interval       > 0
-- Returns: id uuid, attempt int2, visible_at timestamptz, priority int2, type text, payload jsonb, max_attempts int2, idempotency_key text, created_at timestamptz, expires_at timestamptz, metadata jsonb, time_limit_ms int4, checkpoint jsonb, begin_within_ms int4, tags jsonb
-- time_limit_ms: the time limit that the job sets for an attempt; null: none. begin_within_ms: the
-- time until the deadline; null: no deadline; 0: it has passed, so the caller must not start the job
-- and fails it at once. checkpoint: stored by an earlier attempt; read only for jobs that were put
-- back at least once. The rows are not sorted: the caller sorts them, which costs less there than an
-- order by here. No value of a row may make this statement fail, since it would fail for all jobs of
-- the queue. So differences of times are taken as numbers, which may be infinite, and sums are
-- bounded.
--
-- Locks: the claimed rows of ready (for update skip locked: never waits), the new lease, and the
-- queue's advisory lock, shared: waits for the moment in which the queue is paused. Index:
-- ready_claim_key, one range per level, read in order and no further than the limit. So rows of the
-- future in one level are not walked to reach the next. Cost: O(limit) plus the rows skipped between
-- the cursor and the last claimed job: rows that other claimers have locked, rows of unknown types,
-- and deleted rows before vacuum. A paused queue costs one look at its setting. Safe to repeat: no,
-- each call claims more. Zero rows: nothing is due; no lease is made.
--
-- Why `ctid = any (array(...))`: the array is computed once, before the delete. So the limit holds
-- whatever plan is chosen, and the delete visits exactly the locked rows. The statement asks once,
-- before it looks at any row, whether the queue is open.
with claimed as (
  delete from djps.ready
  where lane = $1
    and (select djps.queue_is_open($1, $2))
    and ctid = any (array(
      select due.tid
      from unnest($4, $5, $6, $7) as level (priority, from_at, from_id, until)
      cross join lateral (
        select r.ctid as tid
        from djps.ready r
        where r.lane = $1
          and r.queue = $2
          and r.priority = level.priority
          and (r.visible_at, r.id) >= (level.from_at, level.from_id)
          and r.visible_at <= least(now(), level.until)
          and r.type = any ($3)
        order by r.visible_at, r.id
        limit $8
        for update skip locked
      ) due
      limit $8
    ))
  returning id, least(attempts + 1, 32767)::int2 as attempt, visible_at, priority, moved_at
),

lease as (
  insert into djps.leases (id, expires_at, claimed_at, lane, worker, job_ids, attempts)
  select $9, clock_timestamp() + $11, clock_timestamp(), $1, $10, array_agg(id), array_agg(attempt)
  from claimed
  having count(*) > 0
  returning expires_at
)

select c.id, c.attempt, c.visible_at, c.priority,
       f.type, f.payload, f.max_attempts, f.idempotency_key, f.created_at, lease.expires_at,
       f.metadata,
       f.timeout_ms as time_limit_ms,
       case when c.moved_at is not null
            then (select p.checkpoint from djps.progress p where p.job_id = c.id and p.lane = $1)
       end as checkpoint,
       case when f.finish_by is not null
            then least(greatest((extract(epoch from f.finish_by) - extract(epoch from clock_timestamp()))
                                * 1000, 0),
                       2147483647)::int4
       end as begin_within_ms,
       to_jsonb(f.tags) as tags
from claimed c
join djps.facts f on f.id = c.id and f.lane = $1
cross join lease
