-- 0005_workers: workers that can be seen, and what they say about the jobs they run.
--
--   workers     who works, for people: nothing is decided by it, so it may be late or incomplete
--   progress    how far a job is, and the checkpoint from which its next attempt goes on
--   log_lines   the last lines that an attempt wrote
--
-- Locks: creates new objects only. Old binaries: go on, write nothing here.

create table djps.workers (
  name         text        not null,
  started_at   timestamptz not null,                   -- when it came, or came back
  last_seen_at timestamptz not null,
  pid          integer,
  capacity     integer,                                -- jobs at once; for kind http what it last asked for
  running      integer,                                -- by its own count; null for kind http
  kind         text        not null,
  host         text,
  version      text        not null,
  queues       text[]      not null,
  types        text[]      not null,
  primary key (name),
  constraint workers_kind_known check (kind in ('http', 'native'))
) with (fillfactor = 50);

create table djps.progress (
  job_id     uuid             not null,
  updated_at timestamptz      not null,
  percent    double precision,
  lane       smallint         not null,
  attempt    smallint         not null,                -- the one that wrote percent and message
  message    text,
  checkpoint jsonb,                                    -- stays over attempts until it is replaced
  primary key (job_id, lane),
  constraint progress_percent_range check (percent between 0 and 100)
) with (fillfactor = 50);

create table djps.log_lines (
  job_id  uuid        not null,
  at      timestamptz not null,
  line    integer     not null,                        -- 1, 2, 3 ... within the attempt
  lane    smallint    not null,
  attempt smallint    not null,
  level   text        not null,
  message text        not null,
  primary key (job_id, lane, attempt, line)
);

-- Appends lines to the log of a running attempt, if its lease still holds, and drops the oldest ones
-- beyond 1,000: the end of a log says why an attempt ended. No row: the lease is lost.
--
-- Locks: the lease row, until the caller's transaction ends, so that two writers count one after
-- the other, and so that nobody else gets the job meanwhile.
create function djps.write_log_lines(
  p_lane     smallint,
  p_lease    uuid,
  p_job      uuid,
  p_levels   text[],
  p_messages text[]
) returns table (attempt smallint, last_line integer)
language plpgsql volatile
as $$
declare
  v_attempt smallint;
  v_last    integer;
begin
  select l.attempts[array_position(l.job_ids, p_job)] into v_attempt
  from djps.leases l
  where l.lane = p_lane and l.id = p_lease and p_job = any (l.job_ids)
    and l.expires_at > clock_timestamp()
  for update;
  if not found then
    return;
  end if;

  select coalesce(max(w.line), 0) into v_last
  from djps.log_lines w
  where w.job_id = p_job and w.lane = p_lane and w.attempt = v_attempt;

  insert into djps.log_lines (job_id, at, line, lane, attempt, level, message)
  select p_job, clock_timestamp(), v_last + s.n, p_lane, v_attempt, s.level, s.message
  from unnest(p_levels, p_messages) with ordinality s (level, message, n);
  v_last := v_last + cardinality(p_levels);

  delete from djps.log_lines w
  where w.job_id = p_job and w.lane = p_lane and w.attempt = v_attempt
    and w.line <= v_last - 1000;

  return query select v_attempt, v_last;
end
$$;

-- Deletes jobs that have ended, with all that is kept of them and all that they said. An idempotency key
-- with a lifetime of its own stays until that is over. Returns those that were deleted; what has not
-- ended stays.
create function djps.purge_jobs(p_lane smallint, p_jobs uuid[], p_from djps.job_status[],
                                p_actor text)
returns table (job_id uuid)
language sql volatile
as $$
  with ended as (
    delete from djps.outcomes o
    where o.lane = p_lane and o.id = any (p_jobs) and o.status = any (p_from)
    returning o.id, o.status
  ),

  fact as (
    delete from djps.facts f using ended where f.id = ended.id and f.lane = p_lane
    returning f.id, f.type, f.queue, f.idempotency_key, ended.status
  ),

  history as (
    delete from djps.attempts a using ended where a.job_id = ended.id and a.lane = p_lane
  ),

  said as (
    delete from djps.progress p using ended where p.job_id = ended.id and p.lane = p_lane
  ),

  logged as (
    delete from djps.log_lines w using ended where w.job_id = ended.id and w.lane = p_lane
  ),

  snoozed as (
    delete from djps.snoozes s using ended where s.job_id = ended.id and s.lane = p_lane
  ),

  named as (
    delete from djps.idempotency_keys k using fact
    where k.lane = p_lane and k.type = fact.type and k.key = fact.idempotency_key
      and k.job_id = fact.id
      and (k.expires_at is null or k.expires_at < clock_timestamp())
  ),

  noted as (
    insert into djps.audit (actor, action, target, detail)
    select p_actor, 'purge', id::text,
           jsonb_build_object('was', status, 'type', type, 'queue', queue)
    from fact
  )

  select id from fact;
$$;
