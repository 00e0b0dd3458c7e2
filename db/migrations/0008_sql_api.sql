-- 0008_sql_api: the functions that applications call inside their own transactions, from any
-- language. They are the same transitions as the API's; docs/sql.md has an example of each.
--
--   djps.enqueue, djps.enqueue_many       with every option there is
--   djps.cancel
--   djps.complete, djps.fail, djps.snooze, djps.release, djps.assert_lease      by a lease's holder
--
-- They run with the rights of their owner and a pinned search_path, and are granted to roles:
-- djps_submit, djps_worker, djps_operator, djps_reader. Errors have SQLSTATEs of the class DJ:
--   DJ001 lease lost     DJ002 unknown job     DJ003 queue full     22023 a value is wrong, and which
--
-- Locks: creates new objects only. Old binaries: not affected.

-- ---- Waking workers --------------------------------------------------------------------------

-- Tells workers that wait for jobs of these queues to look, once the caller's transaction commits.
create function djps.notify_workers(p_queues text[]) returns void
language sql volatile
as $$ select pg_notify('djps_work', q.queue) from (select distinct unnest(p_queues)) q (queue) $$;

-- From now on this session hears what notify_workers says.
create function djps.listen_for_work() returns boolean
language plpgsql volatile
as $$
begin
  listen djps_work;
  return true;
end
$$;

-- ---- Submitting and canceling ----------------------------------------------------------------

-- Has the queue as many jobs waiting as it may? A limit up to 1,000 is looked at each time. Counting to a
-- larger one with each submission would cost more than to submit, so that there being room stands for
-- a second, in the session (djps.backlogs: by queue, the limit and when there was room).
create function djps.queue_is_full(p_lane smallint, p_queue text, p_limit integer) returns boolean
language plpgsql volatile
as $$
declare
  v_now  double precision := extract(epoch from clock_timestamp());
  v_memo jsonb := coalesce(nullif(current_setting('djps.backlogs', true), ''), '{}');
begin
  if p_limit > 1000 and (v_memo #>> array[p_queue, '0'])::integer = p_limit
     and v_now - (v_memo #>> array[p_queue, '1'])::double precision between 0 and 1 then
    return false;
  end if;
  if (select count(*) >= p_limit
      from (select from djps.ready r where r.lane = p_lane and r.queue = p_queue limit p_limit) w) then
    return true;
  end if;
  if p_limit > 1000 then
    perform set_config('djps.backlogs', (v_memo || jsonb_build_object(
      p_queue, jsonb_build_array(p_limit, v_now)))::text, false);
  end if;
  return false;
end
$$;

-- Submits jobs inside the caller's transaction: a JSON array of objects with the members of
-- djps.new_job. All or none. One row a job, in the order given.
--
-- Errors: 22023 saying which job and what is wrong with it; DJ003 when the queue of one of them is full.
create function djps.enqueue_many(jobs jsonb)
returns table (id uuid, outcome text, payload_differs boolean, run_at timestamptz)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_jobs    djps.new_job[];
  v_full    djps.queues;
  v_n       bigint;
  v_trouble text;
begin
  if jsonb_typeof(jobs) is distinct from 'array' then
    raise exception 'jobs must be a JSON array' using errcode = '22023';
  end if;
  select format('jobs[%s] has an unknown member %s', e.n - 1, k.name) into v_trouble
  from jsonb_array_elements(jobs) with ordinality e (job, n)
  cross join lateral jsonb_object_keys(e.job) k (name)
  where k.name not in (select a.attname from pg_attribute a
                       where a.attrelid = 'djps.new_job'::regclass and a.attnum > 0)
  limit 1;
  if v_trouble is not null then
    raise exception '%', v_trouble using errcode = '22023';
  end if;
  v_jobs := array(
    select jsonb_populate_record(null::djps.new_job, e.job)
    from jsonb_array_elements(jobs) with ordinality e (job, n)
    order by e.n);
  select s.n - 1, coalesce(djps.new_job_trouble(v_jobs[s.n]),
                           djps.unique_trouble(v_jobs[s.n]."unique"))
  into v_n, v_trouble
  from generate_subscripts(v_jobs, 1) s (n)
  where coalesce(djps.new_job_trouble(v_jobs[s.n]),
                 djps.unique_trouble(v_jobs[s.n]."unique")) is not null
  limit 1;
  if v_trouble is not null then
    raise exception 'jobs[%]: %', v_n, v_trouble using errcode = '22023';
  end if;
  -- Where none of the queues has a limit this is one probe of the primary key.
  select q.* into v_full from djps.queues q
  where q.lane = 0::smallint and q.max_backlog is not null
    and q.name = any (array(select coalesce(j.queue, 'default') from unnest(v_jobs) j))
    and djps.queue_is_full(q.lane, q.name, q.max_backlog)
  limit 1;
  if found then
    raise exception 'the queue % has % jobs waiting, which is its limit', v_full.name,
      v_full.max_backlog
      using errcode = 'DJ003',
            hint = 'Nothing was stored. Try again when workers have taken some, or raise its limit.';
  end if;
  return query
    select s.id, s.outcome, s.payload_differs, s.run_at
    from djps.store_jobs(0::smallint,
                         array(select djps.new_job_id() from generate_subscripts(v_jobs, 1)),
                         v_jobs) s
    order by s.n;
  -- By default nobody is told, since NOTIFY makes commits wait for each other: workers find the job
  -- when they look next (poll_interval_max). With `set djps.notify = on` they hear of it at once.
  if current_setting('djps.notify', true) in ('on', 'true', '1') then
    perform djps.notify_workers(array(select coalesce(j.queue, 'default') from unnest(v_jobs) j));
  end if;
end
$$;

-- Submits one job inside the caller's transaction and returns its id; for a known idempotency key,
-- or a unique job that there is already, the id of that one.
create function djps.enqueue(
  type            text,
  payload         jsonb       default '{}',
  queue           text        default 'default',
  priority        integer     default 0,
  run_at          timestamptz default null,
  delay_ms        bigint      default null,
  max_attempts    integer     default 25,
  idempotency_key text        default null,
  key_lifetime_ms bigint      default null,
  tags            text[]      default null,
  metadata        jsonb       default null,
  retry           jsonb       default null,
  timeout_ms      integer     default null,
  finish_by       timestamptz default null,
  "unique"        jsonb       default null
) returns uuid
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  select m.id from djps.enqueue_many(jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
    'type', $1, 'queue', $3, 'priority', $4, 'run_at', $5, 'delay_ms', $6, 'max_attempts', $7,
    'idempotency_key', $8, 'key_lifetime_ms', $9, 'tags', $10, 'retry', $12,
    'timeout_ms', $13, 'finish_by', $14, 'unique', $15))
    -- Nulls inside these are the caller's own.
    || jsonb_build_object('payload', coalesce($2, '{}'))
    || case when $11 is null then '{}' else jsonb_build_object('metadata', $11) end)) m;
$$;

-- ---- Ending, by the holder of the lease ------------------------------------------------------

create function djps.raise_lease_lost(p_job uuid, p_lease uuid) returns void
language plpgsql
as $$
begin
  raise exception 'the lease % on job % is not held any more', p_lease, p_job
    using errcode = 'DJ001',
          hint = 'It expired or the job was finished. Roll back: another worker may run the job.';
end
$$;

-- Raises DJ001 unless the lease still holds the job. It stays held until the caller's transaction
-- ends, so what is written in it is committed by the holder or not at all.
create function djps.assert_lease(job uuid, lease_token uuid) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform from djps.leases l
  where l.lane = djps.lane_of(job) and l.id = lease_token and job = any (l.job_ids)
    and l.expires_at > clock_timestamp()
  for share;
  if not found then
    perform djps.raise_lease_lost(job, lease_token);
  end if;
end
$$;

-- Ends the job as succeeded, inside the caller's transaction. Errors: DJ001.
create function djps.complete(job uuid, lease_token uuid, result jsonb default null) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into djps.outcomes (id, finished_at, status, lane, attempts, result)
  select t.job_id, clock_timestamp(), 'succeeded', djps.lane_of(job), t.attempt, result
  from djps.take_from_lease(djps.lane_of(job), lease_token, array[job]) t;
  if not found then
    perform djps.raise_lease_lost(job, lease_token);
  end if;
end
$$;

-- Ends the attempt as failed, inside the caller's transaction, and returns what became of the job:
-- failed (it will be retried), dead, or canceled where that was asked for. Errors: DJ001.
create function djps.fail(job uuid, lease_token uuid, error_class text, message text default '',
                          detail text default '', retryable boolean default true,
                          retry_after interval default null)
returns djps.job_status
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_status djps.job_status;
begin
  select f.status into v_status
  from djps.fail_attempts(djps.lane_of(job), array(
    select row(t.job_id, t.attempt, t.claimed_at, t.worker, left(error_class, 200),
               left(message, 2000), left(detail, 8192), retryable,
               least(greatest(retry_after, interval '0'), interval '366 days'),
               null, t.canceled)::djps.failed_attempt
    from djps.take_from_lease(djps.lane_of(job), lease_token, array[job]) t)) f;
  if v_status is null then
    perform djps.raise_lease_lost(job, lease_token);
  end if;
  return v_status;
end
$$;

-- Puts a job back; `p_delay` null: handed back, else a snooze. Errors: DJ001.
create function djps.return_job(p_job uuid, p_lease uuid, p_delay interval) returns void
language plpgsql volatile
as $$
begin
  perform from djps.put_back(djps.lane_of(p_job), array(
    select row(t.job_id, t.attempt, t.claimed_at, t.worker, p_delay, null,
               t.canceled)::djps.returned_attempt
    from djps.take_from_lease(djps.lane_of(p_job), p_lease, array[p_job]) t));
  if not found then
    perform djps.raise_lease_lost(p_job, p_lease);
  end if;
end
$$;

-- Puts the job back for `delay`, the attempt not counted, inside the caller's transaction. The snooze
-- of a job that was snoozed djps.snooze_limit() times is a failed attempt of the class snooze_limit.
-- Errors: DJ001; 22023 for a delay that is not from 0 to 366 days.
create function djps.snooze(job uuid, lease_token uuid, delay interval) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if delay is null or delay < interval '0' or delay > interval '366 days' then
    raise exception 'delay must be from 0 to 366 days, got %', delay using errcode = '22023';
  end if;
  perform djps.return_job(job, lease_token, delay);
end
$$;

-- Hands the job back to be run at once by somebody else, the attempt not counted. Errors: DJ001.
create function djps.release(job uuid, lease_token uuid) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ select djps.return_job($1, $2, null); $$;

-- Cancels a job inside the caller's transaction. Returns canceled (it waited), requested (it runs:
-- its worker is told), or the terminal status that it had already. Errors: DJ002.
create function djps.cancel(job uuid, reason text default null) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_state text;
begin
  select c.state into v_state
  from djps.cancel_jobs(djps.lane_of(job), array[job], session_user, reason) c;
  if v_state is null then
    raise exception 'there is no job %', job using errcode = 'DJ002';
  end if;
  return v_state;
end
$$;

-- ---- Who may call what -----------------------------------------------------------------------

-- Functions are anybody's by default; these are only those roles' that they are granted to.
revoke all on all functions in schema djps from public;

do $$
declare
  v_role text;
begin
  foreach v_role in array array['djps_submit', 'djps_worker', 'djps_operator', 'djps_reader'] loop
    begin
      execute format('create role %I nologin', v_role);
    exception
      when duplicate_object or unique_violation then null;
      when insufficient_privilege then
        -- Another database of the server may have made them; else an administrator can, any time.
        raise notice 'the role % cannot be created by %: the SQL functions are for the owner only',
          v_role, current_user;
    end;
    continue when not exists (select from pg_roles where rolname = v_role);
    execute format('grant usage on schema djps to %I', v_role);
  end loop;

  if exists (select from pg_roles where rolname = 'djps_submit') then
    grant execute on function djps.enqueue, djps.enqueue_many, djps.cancel to djps_submit;
  end if;
  if exists (select from pg_roles where rolname = 'djps_worker') then
    grant execute on function
      djps.complete, djps.fail, djps.snooze, djps.release, djps.assert_lease to djps_worker;
  end if;
  if exists (select from pg_roles where rolname = 'djps_operator') then
    grant execute on function djps.enqueue, djps.enqueue_many, djps.cancel to djps_operator;
    grant select on djps.jobs, djps.attempts, djps.queues, djps.audit to djps_operator;
  end if;
  if exists (select from pg_roles where rolname = 'djps_reader') then
    grant select on djps.jobs, djps.attempts, djps.queues to djps_reader;
  end if;
end
$$;
