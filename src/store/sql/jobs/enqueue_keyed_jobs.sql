-- enqueue_keyed_jobs(int2, uuid[], text[], text[], jsonb[], int2[], timestamptz[], int2[], text[], text)
-- Does what enqueue_jobs does, for batches in which some jobs have an idempotency key. A known key
-- makes no new job: its item returns the id of the job that the key names.
--
-- $1 lane          int2
-- $2 ids           uuid[]         UUIDv7 of this lane; used where the item makes a new job
-- $3 queues        text[]
-- $4 types         text[]
-- $5 payloads      jsonb[]
-- $6 priorities    int2[]
-- $7 run_ats       timestamptz[]  null: at once
-- $8 max_attempts  int2[]         1..1000
-- $9 keys          text[]         null: this job has none
-- $10 patience     text           such as '20ms': how long to wait for a lock of another transaction
-- Returns: n int8, id uuid, replayed bool, payload_differs bool, run_at timestamptz, created_at timestamptz
-- n counts from 1 in the given order; run_at and created_at are null for replays.
--
-- Locks: one row of idempotency_keys per new key, in (type, key) order. It waits for a concurrent
-- submitter of the same key, for $10 at most, because other submissions may wait behind this one.
-- Cost: O(jobs). Errors: as enqueue_jobs; 55P03 when $10 is over. Safe to repeat: yes, because of the
-- keys.
with patience as materialized (
  select $1 as lane, set_config('lock_timeout', $10, true) as until_the_end_of_this_transaction
),

submitted as (
  select s.n, s.id, s.queue, s.type, s.payload, s.priority, s.run_at, s.max_attempts, s.key
  from unnest($2, $3, $4, $5, $6, $7, $8, $9)
    with ordinality as s (id, queue, type, payload, priority, run_at, max_attempts, key, n)
),

named as materialized (
  select k.n, k.job_id, k.same_payload
  from patience p
  cross join lateral djps.reserve_keys(
    p.lane, $4, $9, $2,
    array(select hashtextextended(djps.plain_text(s.payload), 0) from submitted s order by s.n)
  ) k
),

item as materialized (
  select s.*, coalesce(k.job_id, s.id) as job_id,
         coalesce(k.job_id <> s.id, false) as replayed,
         coalesce(not k.same_payload, false) as payload_differs
  from submitted s
  left join named k on k.n = s.n
),

fact as (
  insert into djps.facts
    (id, created_at, run_at, lane, priority, max_attempts, queue, type, idempotency_key, payload)
  select i.id, clock_timestamp(), greatest(i.run_at, clock_timestamp()), $1,
         i.priority, i.max_attempts, i.queue, i.type, i.key, i.payload
  from item i
  where not i.replayed
  returning id, run_at, created_at, priority, queue, type
),

place as (
  insert into djps.ready (id, visible_at, lane, priority, attempts, failed, queue, type)
  select id, run_at, $1, priority, 0, false, queue, type
  from fact
)

select i.n, i.job_id as id, i.replayed, i.payload_differs, f.run_at, f.created_at
from item i
left join fact f on f.id = i.job_id and not i.replayed
order by i.n
