-- enqueue_jobs(int2, uuid[], text[], text[], jsonb[], int2[], timestamptz[], int2[])
-- Stores new jobs that have no idempotency key: a fact and a place in the queue for each. Stores all
-- jobs or none. The arrays are parallel, one element a job.
--
-- $1 lane          int2
-- $2 ids           uuid[]         UUIDv7 of this lane, made by the caller
-- $3 queues        text[]
-- $4 types         text[]
-- $5 payloads      jsonb[]
-- $6 priorities    int2[]
-- $7 run_ats       timestamptz[]  null: at once
-- $8 max_attempts  int2[]         1..1000
-- Returns: id uuid, run_at timestamptz, created_at timestamptz
--
-- Locks: only those of an insert. Cost: O(jobs). Errors: 23505 an id exists already, 22003/22P05 a
-- payload that jsonb cannot hold. Safe to repeat: yes, with the same ids (23505).
--
-- The insert evaluates run_at here, after the statement has its lock on ready. The claim cursor
-- relies on this: no row may appear at a position older than that lock.
with fact as (
  insert into djps.facts
    (id, created_at, run_at, lane, priority, max_attempts, queue, type, payload)
  select s.id, clock_timestamp(), greatest(s.run_at, clock_timestamp()), $1,
         s.priority, s.max_attempts, s.queue, s.type, s.payload
  from unnest($2, $3, $4, $5, $6, $7, $8)
    as s (id, queue, type, payload, priority, run_at, max_attempts)
  returning id, run_at, created_at, priority, queue, type
),

place as (
  insert into djps.ready (id, visible_at, lane, priority, attempts, failed, queue, type)
  select id, run_at, $1, priority, 0, false, queue, type
  from fact
)

select id, run_at, created_at from fact
