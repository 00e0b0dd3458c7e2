-- claim_jobs_for_many(int2, text, text[], int2[], timestamptz[], uuid[], timestamptz[], int4, uuid[], text[], interval[], int8[])
-- Does what claim_jobs does, for several workers that take the same types from one queue: one
-- transaction, and a lease for each worker that gets a job.
--
-- $1 to $8           as claim_jobs; $8, the limit, is for all of them together
-- $9 leases          uuid[]         the new leases' ids, random; one a worker, as in all that follow
-- $10 workers        text[]         for people
-- $11 durations      interval[]     > 0
-- $12 firsts         int8[]         where each worker's share begins: 1, then 1 + the first's limit, ...
-- Returns: id uuid, attempt int2, visible_at timestamptz, priority int2, type text, payload jsonb, max_attempts int2, idempotency_key text, created_at timestamptz, expires_at timestamptz, metadata jsonb, time_limit_ms int4, checkpoint jsonb, begin_within_ms int4, tags jsonb, share int4
-- The columns are those of claim_jobs. share: the worker that gets the job, a place in the arrays,
-- from 1. The first workers get the most urgent jobs, and get their share first if there are too few
-- jobs.
--
-- Locks, index, cost: as claim_jobs, plus some 8 % for dealing out the jobs. That is why a single
-- worker uses claim_jobs. Both must claim the same jobs in the same order (a test compares them).
-- Safe to repeat: no, each call claims more. Zero rows: nothing is due; no lease is made.
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

dealt as (
  select claimed.*,
         width_bucket(row_number() over (order by priority, visible_at, id), $12) as share
  from claimed
),

lease as (
  insert into djps.leases (id, expires_at, claimed_at, lane, worker, job_ids, attempts)
  select ($9)[share], clock_timestamp() + ($11)[share], clock_timestamp(), $1, ($10)[share],
         array_agg(id), array_agg(attempt)
  from dealt
  group by share
  returning id, expires_at
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
       to_jsonb(f.tags) as tags,
       c.share
from dealt c
join djps.facts f on f.id = c.id and f.lane = $1
join lease on lease.id = ($9)[c.share]
