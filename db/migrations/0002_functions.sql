-- 0002_functions: the pieces of a transition that must be the same for everybody.
--
-- Statements stand in src/store/sql, one per file. What is here is shared by several of them, or is
-- a procedure: the fence, the keys, the failing of an attempt, and the upkeep of partitions.
--
-- Locks: creates new objects only. Old binaries: none exist.

-- The lane of a job: the low 6 bits of its id.
create function djps.lane_of(job_id uuid) returns smallint
language sql immutable strict parallel safe
as $$ select (get_byte(uuid_send(job_id), 15) & 63)::smallint $$;

-- The longest wait before attempt number `used + 1`: base * factor^(used - 1), capped. The wait
-- itself is drawn evenly from zero to this.
-- Source: AWS Architecture Blog, "Exponential Backoff And Jitter" (2015), the variant "full jitter".
create function djps.backoff_ceiling(
  used   integer,                                      -- attempts used so far, at least 1
  base   interval default interval '1 second',
  factor double precision default 2,
  cap    interval default interval '1 hour'
) returns interval
language sql immutable parallel safe
as $$
  -- The exponent is bounded so that no attempt number can overflow an interval.
  select least(cap, base * least(factor ^ least(greatest(used, 1) - 1, 60), 1e9));
$$;

-- THE FENCE. Takes jobs out of a lease, if it still holds: locks the lease, drops the ids from it
-- (the last ones delete it) and returns those that were in it, each with its attempt number. An id
-- that does not come back was not held: its lease expired, was taken over, or was finished before.
-- Every write by a worker goes through here.
--
-- Locks: the lease row, until the caller's transaction ends. Heartbeats and rescue skip it meanwhile.
-- Time: clock_timestamp() after the lock was won, so that a long wait cannot revive a dead lease.
create function djps.take_from_lease(
  p_lane  smallint,
  p_lease uuid,
  p_jobs  uuid[]
) returns table (job_id uuid, attempt smallint, claimed_at timestamptz, worker text)
language plpgsql volatile
as $$
declare
  v_lease djps.leases;
begin
  select * into v_lease from djps.leases l where l.lane = p_lane and l.id = p_lease for update;
  if not found or v_lease.expires_at <= clock_timestamp() then
    return;
  end if;

  if v_lease.job_ids <@ p_jobs then
    delete from djps.leases l where l.lane = p_lane and l.id = p_lease;
  else
    update djps.leases l
    set job_ids  = array(select held.id from unnest(v_lease.job_ids) with ordinality held (id, n)
                         where held.id <> all (p_jobs) order by held.n),
        attempts = array(select held.attempt
                         from unnest(v_lease.job_ids, v_lease.attempts) with ordinality held (id, attempt, n)
                         where held.id <> all (p_jobs) order by held.n)
    where l.lane = p_lane and l.id = p_lease;
  end if;

  return query
    select held.id, held.attempt, v_lease.claimed_at, v_lease.worker
    from unnest(v_lease.job_ids, v_lease.attempts) held (id, attempt)
    where held.id = any (p_jobs);
end
$$;

-- Everything that happens when attempts have failed, for jobs just taken out of their leases: the
-- history row, then either a place in the queue after the backoff or the dead-letter queue.
-- Returns for each job what became of it. `retry_after` null: the backoff decides.
create type djps.failed_attempt as (
  job_id      uuid,
  attempt     smallint,
  started_at  timestamptz,
  worker      text,
  error_class text,
  message     text,
  detail      text,
  retryable   boolean,
  retry_after interval
);

create function djps.fail_attempts(p_lane smallint, p_failures djps.failed_attempt[])
returns table (job_id uuid, status djps.job_status, run_at timestamptz)
language sql volatile
as $$
  with failures as materialized (
    select x.*, f.queue, f.type, f.priority,
           x.retryable and x.attempt < f.max_attempts as again
    from unnest(p_failures) x
    join djps.facts f on f.id = x.job_id and f.lane = p_lane
  ),

  history as (
    insert into djps.attempts
      (job_id, started_at, ended_at, lane, attempt, error_class, message, detail, worker)
    select job_id, started_at, clock_timestamp(), p_lane, attempt, error_class, message, detail, worker
    from failures
  ),

  retried as (
    insert into djps.ready
      (id, visible_at, moved_at, lane, priority, attempts, failed, queue, type)
    select job_id,
           clock_timestamp()
             + coalesce(retry_after, djps.backoff_ceiling(attempt) * random()),
           clock_timestamp(), p_lane, priority, attempt, true, queue, type
    from failures
    where again
    returning id, visible_at
  ),

  buried as (
    insert into djps.outcomes (id, finished_at, status, lane, attempts)
    select job_id, clock_timestamp(), 'dead', p_lane, attempt
    from failures
    where not again
    returning id
  )

  select id, 'failed'::djps.job_status, visible_at from retried
  union all
  select id, 'dead'::djps.job_status, null from buried;
$$;

-- Reserves idempotency keys: for each (type, key) given, the job it names. A new key names the id
-- offered with it; a known one, or the second of two equal ones in one call, names the first job.
-- Two statements on purpose: the second sees what a concurrent submitter committed while the first
-- waited for it. Keys are taken in order, so that two batches with the same keys cannot deadlock.
create function djps.reserve_keys(
  p_lane   smallint,
  p_types  text[],
  p_keys   text[],                                     -- null where the job has none
  p_jobs   uuid[],
  p_hashes bigint[]
) returns table (n bigint, job_id uuid, same_payload boolean)
language plpgsql volatile
as $$
begin
  insert into djps.idempotency_keys as k (lane, type, key, job_id, payload_hash, created_at)
  select p_lane, s.type, s.key, s.job_id, s.hash, clock_timestamp()
  from unnest(p_types, p_keys, p_jobs, p_hashes) with ordinality s (type, key, job_id, hash, n)
  where s.key is not null
  order by s.type, s.key, s.n
  on conflict do nothing;

  return query
    select s.n, k.job_id, k.payload_hash = s.hash
    from unnest(p_types, p_keys, p_hashes) with ordinality s (type, key, hash, n)
    join djps.idempotency_keys k on k.lane = p_lane and k.type = s.type and k.key = s.key
    where s.key is not null;
end
$$;

-- The smallest UUIDv7 of a moment: where a partition that starts then begins.
create function djps.uuid_floor(moment timestamptz) returns uuid
language sql immutable strict parallel safe
as $$
  select (lpad(to_hex(floor(extract(epoch from moment) * 1000)::bigint), 12, '0')
          || '00000000000000000000')::uuid;
$$;

-- Makes the daily partitions of facts, outcomes and attempts from today to `p_days` days ahead.
-- Safe to run from many nodes at once, and again; returns how many were made. What no partition
-- covers (a clock far off) lands in the default partitions and is not lost.
--
-- Locks: takes an advisory transaction lock. A new partition is built apart and attached, which
-- takes SHARE UPDATE EXCLUSIVE on the parent (inserts and claims go on) and ACCESS EXCLUSIVE on the
-- default partition, which is empty. lock_timeout 1 s: gives up rather than make anybody wait.
create function djps.ensure_partitions(p_days integer default 3) returns integer
language plpgsql volatile
set lock_timeout = '1s'
as $$
declare
  v_made   integer := 0;
  v_parent text;
  v_key    text;
  v_name   text;
  v_day    date;
  v_from   uuid;
  v_to     uuid;
begin
  perform pg_advisory_xact_lock(hashtextextended('djps.ensure_partitions', 0));
  foreach v_parent in array array['facts', 'outcomes', 'attempts'] loop
    v_key := case v_parent when 'attempts' then 'job_id' else 'id' end;
    for v_day in
      select d::date
      from generate_series((clock_timestamp() at time zone 'UTC')::date,
                           (clock_timestamp() at time zone 'UTC')::date + p_days, interval '1 day') d
    loop
      v_name := v_parent || '_' || to_char(v_day, 'YYYYMMDD');
      continue when to_regclass('djps.' || v_name) is not null;
      v_from := djps.uuid_floor(v_day::timestamp at time zone 'UTC');
      v_to   := djps.uuid_floor((v_day + 1)::timestamp at time zone 'UTC');
      execute format('create table djps.%I (like djps.%I including defaults including constraints)',
                     v_name, v_parent);
      -- Lets ATTACH skip the scan; dropped again, since the partition bound says the same.
      execute format('alter table djps.%I add constraint bounds check (%I >= %L and %I < %L)',
                     v_name, v_key, v_from, v_key, v_to);
      execute format('alter table djps.%I attach partition djps.%I for values from (%L) to (%L)',
                     v_parent, v_name, v_from, v_to);
      execute format('alter table djps.%I drop constraint bounds', v_name);
      v_made := v_made + 1;
    end loop;
  end loop;
  return v_made;
end
$$;

create table djps.facts_default partition of djps.facts default;
create table djps.outcomes_default partition of djps.outcomes default;
create table djps.attempts_default partition of djps.attempts default;
select djps.ensure_partitions();
