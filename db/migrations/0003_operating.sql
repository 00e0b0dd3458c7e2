-- 0003_operating: what people and clients do with jobs besides submitting and running them: cancel,
-- retry, redrive, edit, purge, pause a queue; and the options of a job that need a place to stand.
--
-- Everything here is free for those who do not use it: new columns are null and cost a bit each, new
-- tables stay empty, and the claim asks one question more (is the queue paused).
--
-- Locks: ALTER TABLE takes ACCESS EXCLUSIVE for a moment; nothing is rewritten. Old binaries: their
-- statements name columns, but the fence's result changes shape, so they must be stopped before.

set local lock_timeout = '10s';

alter table djps.facts
  add column timeout_ms integer,                       -- an attempt may take this long
  add column finish_by  timestamptz,                   -- no attempt starts after this
  add column retry      jsonb,                         -- see djps.retry_delay
  add column tags       text[],
  add column metadata   jsonb;
-- Only the jobs that have a deadline: for the sweep that buries those which missed it.
create index facts_finish_by_idx on djps.facts (finish_by) where finish_by is not null;

-- Jobs of this lease whose cancellation was asked for. Dies with the lease, so nothing is left over.
alter table djps.leases add column canceled uuid[];

alter table djps.idempotency_keys
  add column expires_at timestamptz;                   -- null: kept as long as its job

-- Settings of queues. A queue without a row is an ordinary queue; rows are made when needed.
create table djps.queues (
  lane        smallint not null,
  name        text collate "C" not null,
  paused_at   timestamptz,                             -- null: open
  paused_by   text,
  max_backlog integer,                                 -- the API refuses submissions beyond this
  primary key (lane, name),
  constraint queues_max_backlog_range check (max_backlog between 1 and 100000000)
);

-- How to wait between attempts of a type, for jobs that do not say it themselves.
create table djps.retry_policies (
  type   text collate "C" primary key,
  policy jsonb not null
);

-- What people did: who, what, when, to which job or queue, and how it was before.
create table djps.audit (
  id     bigint generated always as identity primary key,
  at     timestamptz not null default clock_timestamp(),
  actor  text        not null,
  action text        not null,                         -- cancel, retry, edit, purge, pause, ...
  target text        not null,                         -- a job's id, or the name of a queue or type
  detail jsonb       not null default '{}'             -- before, after, reason
);
create index audit_target_idx on djps.audit (target, id);

-- ---- Retry policies --------------------------------------------------------------------------

-- The wait after attempt number `used` by a policy:
--   {"kind": "exponential", "base_ms": 1000, "factor": 2, "cap_ms": 3600000, "jitter": true}
--   {"kind": "linear", "delay_ms": 1000, "cap_ms": 3600000, "jitter": false}
--   {"kind": "fixed", "delay_ms": 1000, "jitter": false}
--   {"kind": "list", "delays_ms": [1000, 5000, 60000]}     the last one stays
-- Null is the default policy: exponential, base 1 s, factor 2, cap 1 h, full jitter.
create function djps.retry_delay(policy jsonb, used integer) returns interval
language sql volatile parallel safe
as $$
  select case
    when policy is null then djps.backoff_ceiling(used) * random()
    else interval '1 millisecond'
      * case when coalesce((policy ->> 'jitter')::boolean, policy ->> 'kind' = 'exponential')
             then random() else 1 end
      * least(
          case when policy ->> 'kind' in ('exponential', 'linear')
               then coalesce((policy ->> 'cap_ms')::double precision, 3600000) end,
          case policy ->> 'kind'
            when 'fixed' then (policy ->> 'delay_ms')::double precision
            when 'linear' then (policy ->> 'delay_ms')::double precision * used
            when 'list' then
              (policy -> 'delays_ms'
                ->> least(used, jsonb_array_length(policy -> 'delays_ms')) - 1)::double precision
            else coalesce((policy ->> 'base_ms')::double precision, 1000)
              * coalesce((policy ->> 'factor')::double precision, 2) ^ least(greatest(used, 1) - 1, 60)
          end)
  end
$$;

-- ---- The fence, with cancellation ------------------------------------------------------------

drop function djps.take_from_lease(smallint, uuid, uuid[]);

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
) returns table (job_id uuid, attempt smallint, claimed_at timestamptz, worker text, canceled boolean)
language plpgsql volatile
as $$
declare
  v_lease         djps.leases;
  v_left_ids      uuid[]     := '{}';
  v_left_attempts smallint[] := '{}';
  v_all           boolean;
begin
  select * into v_lease from djps.leases l where l.lane = p_lane and l.id = p_lease for update;
  if not found or v_lease.expires_at <= clock_timestamp() then
    return;
  end if;

  -- Short jobs mostly end all together, in the order in which they were claimed.
  v_all := v_lease.job_ids = p_jobs;
  if not v_all then
    -- A join, where `any` would compare each with each: for large leases that costs more than the rest.
    select coalesce(array_agg(held.id order by held.n), '{}'),
           coalesce(array_agg(held.attempt order by held.n), '{}')
    into v_left_ids, v_left_attempts
    from unnest(v_lease.job_ids, v_lease.attempts) with ordinality held (id, attempt, n)
    where not exists (select from unnest(p_jobs) done (id) where done.id = held.id);
  end if;

  if v_left_ids = '{}' then
    delete from djps.leases l where l.lane = p_lane and l.id = p_lease;
  else
    update djps.leases l set job_ids = v_left_ids, attempts = v_left_attempts
    where l.lane = p_lane and l.id = p_lease;
  end if;

  return query
    select held.id, held.attempt, v_lease.claimed_at, v_lease.worker,
           coalesce(held.id = any (v_lease.canceled), false)
    from unnest(v_lease.job_ids, v_lease.attempts) held (id, attempt)
    where v_all or exists (select from unnest(p_jobs) done (id) where done.id = held.id);
end
$$;

drop function djps.fail_attempts(smallint, djps.failed_attempt[]);
alter type djps.failed_attempt
  add attribute policy   jsonb,                        -- the handler's retry policy, null: none
  add attribute canceled boolean;                      -- its cancellation was asked for

-- Everything that happens when attempts have failed, for jobs just taken out of their leases: the
-- history row, then a place in the queue after the backoff, or the dead-letter queue, or the end as
-- canceled where that was asked for. Returns for each job what became of it.
--
-- The wait: `retry_after` of the failure, else the policy of the job, of the handler, of the type,
-- or the default, whichever there is first. A retry that would come after finish_by is none.
create function djps.fail_attempts(p_lane smallint, p_failures djps.failed_attempt[])
returns table (job_id uuid, status djps.job_status, run_at timestamptz)
language sql volatile
as $$
  with failures as materialized (
    select x.*, f.queue, f.type, f.priority,
           not coalesce(x.canceled, false) and x.retryable and x.attempt < f.max_attempts
             and (f.finish_by is null or due.at < f.finish_by) as again,
           due.at as due_at
    from unnest(p_failures) x
    join djps.facts f on f.id = x.job_id and f.lane = p_lane
    left join djps.retry_policies t on t.type = f.type
    cross join lateral (
      select clock_timestamp() + coalesce(
        x.retry_after, djps.retry_delay(coalesce(f.retry, x.policy, t.policy), x.attempt)) as at
    ) due
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
    select job_id, due_at, clock_timestamp(), p_lane, priority, attempt, true, queue, type
    from failures
    where again
    returning id, visible_at
  ),

  ended as (
    insert into djps.outcomes (id, finished_at, status, lane, attempts)
    select job_id, clock_timestamp(),
           case when canceled then 'canceled' else 'dead' end::djps.job_status, p_lane, attempt
    from failures
    where not again
    returning id, status
  )

  select id, 'failed'::djps.job_status, visible_at from retried
  union all
  select id, ended.status, null from ended;
$$;

-- How often jobs were snoozed, of those that were. A snooze costs no attempt, so that a job could be
-- put off for ever; beyond djps.snooze_limit() it is a failed attempt. Written by snoozes alone: claims
-- and completions know nothing of it. A redrive forgets it.
create table djps.snoozes (
  job_id uuid     not null,
  lane   smallint not null,
  count  smallint not null,
  primary key (job_id, lane)
) with (fillfactor = 70);

create function djps.snooze_limit() returns smallint
language sql immutable parallel safe
as $$ select 1000::smallint $$;

-- What comes back of a lease without having ended. `delay` null: handed back, to be run at once by
-- somebody else; else a snooze. `policy`: the handler's, for the snooze that is one too many.
create type djps.returned_attempt as (
  job_id     uuid,
  attempt    smallint,
  started_at timestamptz,
  worker     text,
  delay      interval,
  policy     jsonb,
  canceled   boolean
);

-- Puts jobs just taken out of their leases back into the queue, the attempt not counted; those whose
-- cancellation was asked for end here instead, and a snooze beyond the limit is a failed attempt.
-- run_at is null for jobs that have died of that.
create function djps.put_back(p_lane smallint, p_returned djps.returned_attempt[])
returns table (job_id uuid, run_at timestamptz)
language sql volatile
as $$
  with given as materialized (
    select * from unnest(p_returned)
  ),

  counted as (
    insert into djps.snoozes as s (job_id, lane, count)
    select job_id, p_lane, 1 from given where delay is not null and not canceled
    on conflict (job_id, lane) do update set count = s.count + 1
    where s.count < djps.snooze_limit()
    returning job_id
  ),

  ended as (
    insert into djps.outcomes (id, finished_at, status, lane, attempts)
    select job_id, clock_timestamp(), 'canceled', p_lane, attempt
    from given
    where canceled
    returning id, finished_at
  ),

  placed as (
    insert into djps.ready (id, visible_at, moved_at, lane, priority, attempts, failed, queue, type)
    select g.job_id, clock_timestamp() + coalesce(g.delay, interval '0'), clock_timestamp(), p_lane,
           f.priority, (g.attempt - 1)::smallint, false, f.queue, f.type
    from given g
    join djps.facts f on f.id = g.job_id and f.lane = p_lane
    where not g.canceled
      and (g.delay is null or exists (select from counted c where c.job_id = g.job_id))
    returning id, visible_at
  ),

  -- No row unless there are some, so that nothing is called for them.
  refused as (
    select array_agg(
             row(g.job_id, g.attempt, g.started_at, g.worker, 'snooze_limit',
                 format('the job was snoozed %s times, which is the most; this attempt counts as failed',
                        djps.snooze_limit()),
                 '', true, null, g.policy, false)::djps.failed_attempt) as failures
    from given g
    where g.delay is not null and not g.canceled
      and not exists (select from counted c where c.job_id = g.job_id)
    having count(*) > 0
  )

  select id, visible_at from placed
  union all
  select id, finished_at from ended
  union all
  select f.job_id, f.run_at
  from refused cross join lateral djps.fail_attempts(p_lane, refused.failures) f;
$$;

-- ---- Queues ----------------------------------------------------------------------------------

-- Claimers of a queue hold this lock shared while they claim; who pauses it takes it alone.
create function djps.queue_lock(p_queue text) returns bigint
language sql immutable strict parallel safe
as $$ select hashtextextended('djps.queue ' || p_queue, 0) $$;

-- May jobs of this queue be claimed? The answer holds until the caller's transaction ends: a pause
-- waits for it. Volatile, so that the setting is read after the lock was won and not before.
create function djps.queue_is_open(p_lane smallint, p_queue text) returns boolean
language plpgsql volatile
as $$
begin
  perform pg_advisory_xact_lock_shared(djps.queue_lock(p_queue));
  return not exists (
    select from djps.queues q
    where q.lane = p_lane and q.name = p_queue and q.paused_at is not null);
end
$$;

-- Pauses or opens a queue. Once a pause is committed, no claim commits any more; jobs that run
-- already run on. Returns whether this changed anything.
create function djps.set_paused(p_lane smallint, p_queue text, p_paused boolean, p_actor text)
returns boolean
language plpgsql volatile
as $$
declare
  v_changed boolean;
begin
  perform pg_advisory_xact_lock(djps.queue_lock(p_queue));
  if p_paused then
    insert into djps.queues as q (lane, name, paused_at, paused_by)
    values (p_lane, p_queue, clock_timestamp(), p_actor)
    on conflict (lane, name) do update
    set paused_at = excluded.paused_at, paused_by = excluded.paused_by
    where q.paused_at is null;
  else
    update djps.queues q set paused_at = null, paused_by = null
    where q.lane = p_lane and q.name = p_queue and q.paused_at is not null;
  end if;
  v_changed := found;
  if v_changed then
    insert into djps.audit (actor, action, target)
    values (p_actor, case when p_paused then 'pause' else 'resume' end, p_queue);
  end if;
  return v_changed;
end
$$;

-- ---- Jobs ------------------------------------------------------------------------------------

-- Takes jobs that wait out of the queue; what comes back is out, and the caller decides what becomes
-- of it. A job that does not come back runs, has ended, or does not exist.
--
-- Locks: the rows, in the order of their places in the table; claimers skip them, so nobody waits.
create function djps.take_from_ready(p_lane smallint, p_jobs uuid[]) returns setof djps.ready
language sql volatile
as $$
  with place as materialized (
    select r.ctid as tid
    from djps.facts f
    cross join lateral (
      select r0.ctid, r0.id from djps.ready r0
      where r0.lane = f.lane and r0.queue = f.queue and r0.priority = f.priority
        and r0.visible_at = f.run_at and r0.id = f.id and r0.moved_at is null
      union all
      -- Without its lane: with it the planner may walk all of ready_claim_key instead.
      select r1.ctid, r1.id from djps.ready r1
      where r1.id = f.id and r1.moved_at is not null
    ) r
    where f.lane = p_lane and f.id = any (p_jobs)
  )
  delete from djps.ready r
  where r.ctid = any (array(select tid from place)) and r.id = any (p_jobs)
  returning r.*;
$$;

create function djps.note_cancellation(p_jobs uuid[], p_was text, p_actor text, p_reason text)
returns void
language sql volatile
as $$
  insert into djps.audit (actor, action, target, detail)
  select p_actor, 'cancel', id::text,
         jsonb_strip_nulls(jsonb_build_object('was', p_was, 'reason', p_reason))
  from unnest(p_jobs) id;
$$;

-- Cancels jobs. state says what became of each: `canceled` (it waited, now it is over), `requested`
-- (it runs: its worker is told, and it ends as canceled at the latest when its lease expires),
-- or the terminal status that it had already. A job that is not in the answer does not exist.
--
-- Locks: rows of ready, then leases in the order of their ids. Safe to repeat: yes.
create function djps.cancel_jobs(p_lane smallint, p_jobs uuid[], p_actor text, p_reason text)
returns table (job_id uuid, state text)
language plpgsql volatile
as $$
declare
  v_left uuid[] := p_jobs;
  v_some uuid[];
begin
  -- A job may be claimed, or come back from a claim, between one look and the next.
  for v_try in 1 .. 10 loop
    with taken as (
      select t.id, t.attempts from djps.take_from_ready(p_lane, v_left) t
    ),
    ended as (
      insert into djps.outcomes (id, finished_at, status, lane, attempts)
      select id, clock_timestamp(), 'canceled', p_lane, attempts from taken
      returning id
    )
    select coalesce(array_agg(id), '{}') into v_some from ended;
    perform djps.note_cancellation(v_some, 'waiting', p_actor, p_reason);
    return query select id, 'canceled' from unnest(v_some) id;
    v_left := array(select unnest(v_left) except select unnest(v_some));

    perform from djps.leases l
    where l.lane = p_lane and l.job_ids && v_left
    order by l.id
    for update;
    with told as (
      update djps.leases l
      set canceled = array(select unnest(l.canceled)
                           union
                           select j from unnest(l.job_ids) j where j = any (v_left))
      where l.lane = p_lane and l.job_ids && v_left
      returning l.job_ids
    )
    select coalesce(array_agg(j), '{}') into v_some
    from told cross join unnest(told.job_ids) j
    where j = any (v_left);
    perform djps.note_cancellation(v_some, 'running', p_actor, p_reason);
    return query select id, 'requested' from unnest(v_some) id;
    v_left := array(select unnest(v_left) except select unnest(v_some));

    return query
      select o.id, o.status::text from djps.outcomes o where o.lane = p_lane and o.id = any (v_left);
    v_left := array(
      select f.id from djps.facts f
      where f.lane = p_lane and f.id = any (v_left)
        and not exists (select from djps.outcomes o where o.id = f.id and o.lane = f.lane));
    exit when v_left = '{}';
  end loop;
end
$$;

-- Puts jobs into the queue to be claimed at once: one that waits is due now, one that has ended
-- (its status must be among p_from) begins again from attempt 0, its history kept.
-- Returns each job that this changed, with the status it had.
--
-- Locks: rows of ready or outcomes. Safe to repeat: yes.
create function djps.retry_jobs(p_lane smallint, p_jobs uuid[], p_from djps.job_status[],
                                p_actor text)
returns table (job_id uuid, was djps.job_status)
language sql volatile
as $$
  with taken as (
    select t.id, t.attempts, t.failed, t.priority, t.queue, t.type
    from djps.take_from_ready(p_lane, array(
      select j.id from djps.jobs j
      where j.id = any (p_jobs) and j.status in ('queued', 'failed') and j.status = any (p_from))) t
  ),

  raised as (
    delete from djps.outcomes o
    where o.lane = p_lane and o.id = any (p_jobs) and o.status = any (p_from)
    returning o.id, o.status, o.attempts, o.finished_at, o.result
  ),

  forgotten as (
    -- A deadline that has passed would bury the job again at once.
    update djps.facts f set finish_by = null
    from raised
    where f.id = raised.id and f.lane = p_lane and f.finish_by < clock_timestamp()
  ),

  -- It has all its snoozes again.
  rested as (
    delete from djps.snoozes s using raised where s.job_id = raised.id and s.lane = p_lane
  ),

  placed as (
    insert into djps.ready (id, visible_at, moved_at, lane, priority, attempts, failed, queue, type)
    select id, clock_timestamp(), clock_timestamp(), p_lane, priority, attempts, failed, queue, type
    from taken
    union all
    select f.id, clock_timestamp(), clock_timestamp(), p_lane, f.priority, 0, false, f.queue, f.type
    from raised
    join djps.facts f on f.id = raised.id and f.lane = p_lane
  ),

  changed as (
    select id, case when failed then 'failed' else 'queued' end::djps.job_status as was,
           jsonb_build_object('attempts', attempts) as before
    from taken
    union all
    select id, status, jsonb_build_object('attempts', attempts, 'finished_at', finished_at,
                                          'result', result)
    from raised
  ),

  noted as (
    insert into djps.audit (actor, action, target, detail)
    select p_actor, 'retry', id::text, jsonb_build_object('was', was, 'before', before) from changed
  )

  select id, was from changed;
$$;

-- Changes a job that waits; null leaves a value as it is. Returns false for a job that does not
-- wait: it runs, has ended, or does not exist, and nothing was changed.
--
-- Locks: the row of ready and the fact. The one place where a fact is updated.
create function djps.edit_job(p_lane smallint, p_job uuid, p_priority smallint, p_run_at timestamptz,
                              p_payload jsonb, p_max_attempts smallint, p_actor text)
returns boolean
language plpgsql volatile
as $$
declare
  v_ready  djps.ready;
  v_before jsonb;
begin
  select * into v_ready from djps.take_from_ready(p_lane, array[p_job]);
  if v_ready.id is null then
    return false;
  end if;
  select jsonb_strip_nulls(jsonb_build_object(
           'priority', case when p_priority is not null then f.priority end,
           'run_at', case when p_run_at is not null then v_ready.visible_at end,
           'payload', case when p_payload is not null then f.payload end,
           'max_attempts', case when p_max_attempts is not null then f.max_attempts end))
  into v_before
  from djps.facts f where f.id = p_job and f.lane = p_lane;

  update djps.facts f
  set priority = coalesce(p_priority, f.priority), payload = coalesce(p_payload, f.payload),
      max_attempts = greatest(coalesce(p_max_attempts, f.max_attempts), v_ready.attempts + 1)
  where f.id = p_job and f.lane = p_lane;
  insert into djps.ready (id, visible_at, moved_at, lane, priority, attempts, failed, queue, type)
  values (p_job, greatest(coalesce(p_run_at, v_ready.visible_at), clock_timestamp()),
          clock_timestamp(), p_lane, coalesce(p_priority, v_ready.priority), v_ready.attempts,
          v_ready.failed, v_ready.queue, v_ready.type);
  insert into djps.audit (actor, action, target, detail)
  values (p_actor, 'edit', p_job::text, jsonb_build_object(
            'before', v_before,
            'after', jsonb_strip_nulls(jsonb_build_object(
              'priority', p_priority, 'run_at', p_run_at, 'payload', p_payload,
              'max_attempts', p_max_attempts))));
  return true;
end
$$;

-- Buries jobs that nobody started before their deadline, at most p_limit of them. The claim does
-- the same with those it comes upon; this finds the ones in queues that nobody works on.
create function djps.bury_overdue(p_lane smallint, p_limit integer) returns table (job_id uuid)
language sql volatile
as $$
  with overdue as (
    select t.id, t.attempts
    from djps.take_from_ready(p_lane, array(
      select f.id from djps.facts f
      where f.lane = p_lane and f.finish_by <= now() and f.finish_by > now() - interval '1 day'
        and not exists (select from djps.outcomes o where o.id = f.id and o.lane = f.lane)
      order by f.finish_by
      limit p_limit)) t
  ),

  history as (
    insert into djps.attempts
      (job_id, started_at, ended_at, lane, attempt, error_class, message, detail, worker)
    select id, clock_timestamp(), clock_timestamp(), p_lane, attempts, 'deadline_exceeded',
           'no attempt could be started before finish_by', '', ''
    from overdue
  )

  insert into djps.outcomes (id, finished_at, status, lane, attempts)
  select id, clock_timestamp(), 'dead', p_lane, attempts from overdue
  returning id;
$$;
