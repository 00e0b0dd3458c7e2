-- 0009_history: how long ended jobs are kept, and how what is past that goes: as whole partitions,
-- in small steps, without a long lock. Why it is done like this: docs/decisions/0007-history.md
--
--   retention        how long, per queue and status
--   history_parts    the partitions of days that are over
--   history_work     the one piece of work in progress, so that anybody can go on with it
--   history_changes  jobs that changed while what is kept of their partition was being copied
--
-- A piece of work goes through: survey (how much may go), copy (what stays, into new tables beside
-- the old ones), swap (the new ones take the place of the old ones), sweep (keys, tags, logs of the
-- jobs that are gone, then the old tables themselves). Each call of djps.history_step is a small
-- transaction; after a crash the next call, by whomever, goes on where the last one committed.
--
-- Locks: the indexes take SHARE on idempotency_keys and unique_keys while they are built; settings of the partitions
-- take SHARE UPDATE EXCLUSIVE for a moment. Old binaries: go on working, and drop nothing.

set local lock_timeout = '10s';

create table djps.retention (
  queue  text collate "C" not null,                    -- '*': all that have no row of their own
  status djps.job_status  not null,
  keep   interval,                                     -- since the job ended; null: for ever
  primary key (queue, status),
  constraint retention_status_terminal check (status in ('succeeded', 'canceled', 'dead')),
  constraint retention_keep_range check (keep between interval '1 hour' and interval '3660 days')
);
insert into djps.retention (queue, status, keep)
values ('*', 'succeeded', '7 days'), ('*', 'canceled', '7 days'), ('*', 'dead', null);

create table djps.history_parts (
  from_day date not null primary key,
  to_day   date not null,                              -- exclusive
  suffix   text not null unique,                       -- facts_<suffix>, outcomes_<suffix>, ...
  kept     bigint,                                     -- jobs in it; null: a day as it was written
  check_at timestamptz                                 -- not looked at before
);

create table djps.history_work (
  only_one    boolean not null primary key default true check (only_one),
  phase       text    not null check (phase in ('survey', 'copy', 'swap', 'sweep', 'abandon')),
  from_day    date    not null,
  to_day      date    not null,
  sources     text[]  not null,                        -- suffixes of the parts that it replaces
  target      text,                                    -- suffix of the part that takes their place
  after_id    uuid    not null,                        -- this phase has walked up to here
  seen        bigint  not null default 0,
  expired     bigint  not null default 0,
  live        boolean not null default false,          -- some have not ended
  overdue     boolean not null default false,          -- some expired more than a week ago
  next_expiry timestamptz                              -- of what stays
);

create table djps.history_changes (job_id uuid not null);
create sequence djps.history_generation;

-- Only for those keys and unique jobs that there are: see djps.purge_expired_keys, history_sweep.
create index idempotency_keys_expiry_idx on djps.idempotency_keys (expires_at)
  where expires_at is not null;
create index unique_keys_job_idx on djps.unique_keys (job_id);

-- ---- Partitions ahead ------------------------------------------------------------------------

-- Settings of a partition: nothing but inserts, so nothing to vacuum before it is dropped. What is
-- kept for long is frozen once, by autovacuum. Payloads are never searched: not sampled either.
create function djps.set_history_options(p_table text, p_kept boolean) returns void
language plpgsql
as $$
declare
  v_column text;
begin
  if p_kept then
    execute format('alter table djps.%I set (autovacuum_freeze_min_age = 0,
                    toast.autovacuum_freeze_min_age = 0)', p_table);
  else
    execute format('alter table djps.%I set (autovacuum_freeze_min_age = 0,
                    toast.autovacuum_freeze_min_age = 0, autovacuum_vacuum_insert_threshold = -1,
                    toast.autovacuum_vacuum_insert_threshold = -1)', p_table);
  end if;
  for v_column in
    select a.attname from pg_attribute a
    where a.attrelid = format('djps.%I', p_table)::regclass and a.attnum > 0 and not a.attisdropped
      and a.attname in ('payload', 'metadata', 'retry', 'result', 'message', 'detail')
  loop
    execute format('alter table djps.%I alter column %I set statistics 0', p_table, v_column);
  end loop;
end
$$;

select djps.set_history_options(c.relname, false)
from pg_inherits i
join pg_class c on c.oid = i.inhrelid
where i.inhparent in ('djps.facts'::regclass, 'djps.outcomes'::regclass, 'djps.attempts'::regclass)
  and c.relname !~ '_default$';

create function djps.history_key(p_parent text) returns text
language sql immutable strict parallel safe
as $$ select case p_parent when 'attempts' then 'job_id' else 'id' end $$;

create function djps.day_floor(p_day date) returns uuid
language sql immutable strict parallel safe
as $$ select djps.uuid_floor(p_day::timestamp at time zone 'UTC') $$;

-- The day on which a job with this id was submitted.
create function djps.day_of(p_id uuid) returns date
language sql immutable strict parallel safe
as $$
  select (timestamp 'epoch' + interval '1 millisecond'
          * ('x' || left(replace(p_id::text, '-', ''), 12))::bit(48)::bigint)::date
$$;

-- Makes one partition of one day; false: there is one, or it has to wait. Rows of the day that are
-- in the default partition (a clock was wrong, or nobody ran for days) move into it, where they are
-- few; where they are many it cannot be made, they stay where they are, and nothing is lost.
--
-- Locks: ACCESS EXCLUSIVE on the default partition, from the move to the end of the transaction.
create function djps.make_partition(p_parent text, p_day date) returns boolean
language plpgsql volatile
as $$
declare
  v_name text := p_parent || '_' || to_char(p_day, 'YYYYMMDD');
  v_key  text := djps.history_key(p_parent);
  v_from uuid := djps.day_floor(p_day);
  v_to   uuid := djps.day_floor(p_day + 1);
  v_rows bigint;
begin
  if to_regclass('djps.' || v_name) is not null then
    return false;
  end if;
  execute format('lock table djps.%I in access exclusive mode', p_parent || '_default');
  execute format('select count(*) from (select from djps.%I where %I >= %L and %I < %L limit 10001) r',
                 p_parent || '_default', v_key, v_from, v_key, v_to) into v_rows;
  if v_rows > 10000 then
    raise warning 'djps.%_default holds many rows of %: that day gets no partition of its own',
      p_parent, p_day;
    return false;
  end if;
  execute format('create table djps.%I (like djps.%I including defaults including constraints)',
                 v_name, p_parent);
  perform djps.set_history_options(v_name, false);
  if v_rows > 0 then
    execute format('with moved as (delete from djps.%I where %I >= %L and %I < %L returning *)
                    insert into djps.%I select * from moved',
                   p_parent || '_default', v_key, v_from, v_key, v_to, v_name);
  end if;
  -- Lets ATTACH skip the scan; dropped again, since the partition bound says the same.
  execute format('alter table djps.%I add constraint bounds check (%I >= %L and %I < %L)',
                 v_name, v_key, v_from, v_key, v_to);
  execute format('alter table djps.%I attach partition djps.%I for values from (%L) to (%L)',
                 p_parent, v_name, v_from, v_to);
  execute format('alter table djps.%I drop constraint bounds', v_name);
  if v_rows > 0 and p_parent = 'facts' then
    -- The move out of the default partition has told djps.note_tags that they are gone.
    execute format('insert into djps.job_tags (lane, tag, job_id)
                    select f.lane, tag, f.id from djps.%I f cross join lateral unnest(f.tags) tag
                    on conflict do nothing', v_name);
  end if;
  return true;
end
$$;

-- Makes the daily partitions of facts, outcomes and attempts from today to `p_days` days ahead, and
-- those of past days of which there are jobs in the default partition: nobody made them in time.
-- Safe to run from many nodes at once, and again; returns how many were made.
--
-- Locks: takes an advisory transaction lock. A new partition is built apart and attached, which
-- takes SHARE UPDATE EXCLUSIVE on the parent (inserts and claims go on) and ACCESS EXCLUSIVE on the
-- default partition, out of which at most 10,000 rows a day are moved. lock_timeout: gives up rather than make anybody wait.
create or replace function djps.ensure_partitions(p_days integer default 3) returns integer
language plpgsql volatile
set lock_timeout = '200ms'
as $$
declare
  v_today date := (clock_timestamp() at time zone 'UTC')::date;
  v_made  integer := 0;
  v_late  integer;
  v_day   date;
begin
  perform pg_advisory_xact_lock(hashtextextended('djps.ensure_partitions', 0));
  select count(*) into v_made
  from unnest(array['facts', 'outcomes', 'attempts']) parent
  cross join generate_series(v_today, v_today + p_days, interval '1 day') d
  where djps.make_partition(parent, d::date);
  for v_day in
    with recursive missed (day) as (
      select djps.day_of((select f.id from djps.facts_default f order by f.id limit 1))
      union all
      select djps.day_of((select f.id from djps.facts_default f
                          where f.id >= djps.day_floor(m.day + 1) order by f.id limit 1))
      from missed m where m.day is not null
    )
    select m.day from missed m where m.day < v_today limit 30
  loop
    begin
      select count(*) into v_late from unnest(array['facts', 'outcomes', 'attempts']) parent
      where djps.make_partition(parent, v_day);
      v_made := v_made + v_late;
    exception when invalid_object_definition then
      raise warning 'the default partition holds jobs of %, which another partition covers', v_day;
    end;
  end loop;
  return v_made;
end
$$;

-- ---- Retention -------------------------------------------------------------------------------

-- Says how long jobs that ended as p_status are kept; p_inherit: as those of all queues. What is
-- being copied by the old rule is thrown away. Returns whether this changed anything.
create function djps.set_retention(p_queue text, p_status djps.job_status, p_keep interval,
                                   p_inherit boolean default false,
                                   p_actor text default session_user)
returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_before djps.retention;
begin
  if p_queue = '*' and p_inherit then
    raise exception 'queue * has nothing to inherit from' using errcode = '22023';
  end if;
  -- No step may begin or go on by the old rule meanwhile.
  perform pg_advisory_xact_lock(hashtextextended('djps.history', 0));
  select * into v_before from djps.retention r
  where r.queue = p_queue and r.status = p_status for update;
  if (p_inherit and v_before.queue is null)
     or (not p_inherit and v_before.queue is not null and v_before.keep is not distinct from p_keep)
  then
    return false;
  end if;
  if p_inherit then
    delete from djps.retention r where r.queue = p_queue and r.status = p_status;
  else
    insert into djps.retention as r (queue, status, keep) values (p_queue, p_status, p_keep)
    on conflict (queue, status) do update set keep = excluded.keep;
  end if;
  update djps.history_parts set check_at = null where check_at is not null;
  update djps.history_work set phase = 'abandon' where phase in ('survey', 'copy', 'swap');
  insert into djps.audit (actor, action, target, detail)
  values (p_actor, 'retention', p_queue, jsonb_build_object(
    'status', p_status,
    'before', case when v_before.queue is null then '"inherit"'
                   else coalesce(to_jsonb(v_before.keep::text), '"forever"') end,
    'after', case when p_inherit then '"inherit"'
                  else coalesce(to_jsonb(p_keep::text), '"forever"') end));
  return true;
end
$$;

-- When each of these jobs may go; null: it stays. Ids are of (p_after, p_until): named as literals,
-- so that only their partitions are opened, whatever the number of the others.
create function djps.history_judge(p_ids uuid[], p_after uuid, p_until uuid)
returns table (id uuid, live boolean, expires_at timestamptz)
language plpgsql volatile
as $$
begin
  return query execute format($q$
    select f.id, o.id is null,
           o.finished_at + case when own.queue is not null then own.keep else rest.keep end
    from unnest($1) wanted (id)
    cross join lateral (
      select f0.id, f0.lane, f0.queue from djps.facts f0
      where f0.id = wanted.id and f0.id > %1$L and f0.id < %2$L offset 0) f
    left join lateral (
      select o0.id, o0.status, o0.finished_at from djps.outcomes o0
      where o0.id = f.id and o0.lane = f.lane and o0.id > %1$L and o0.id < %2$L offset 0) o on true
    left join djps.retention own on own.queue = f.queue and own.status = o.status
    left join djps.retention rest on rest.queue = '*' and rest.status = o.status
  $q$, p_after, p_until) using p_ids;
end
$$;

-- ---- The steps -------------------------------------------------------------------------------

create function djps.note_history_change() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_argv[0] = 'attempts' then
    insert into djps.history_changes values (case tg_op when 'DELETE' then old.job_id else new.job_id end);
  else
    insert into djps.history_changes values (case tg_op when 'DELETE' then old.id else new.id end);
  end if;
  return null;
end
$$;

-- Finds a part in which something may be past its retention. Returns idle or chosen.
create function djps.history_choose() returns text
language plpgsql
as $$
declare
  v_today date := (clock_timestamp() at time zone 'UTC')::date;
  v_part  djps.history_parts;
begin
  delete from djps.history_parts p where to_regclass('djps.facts_' || p.suffix) is null;
  insert into djps.history_parts (from_day, to_day, suffix)
  select d.day, d.day + 1, to_char(d.day, 'YYYYMMDD')
  from pg_inherits i
  join pg_class c on c.oid = i.inhrelid
  cross join lateral (select to_date(right(c.relname, 8), 'YYYYMMDD') as day) d
  where i.inhparent = 'djps.facts'::regclass and c.relname ~ '^facts_[0-9]{8}$' and d.day < v_today
  on conflict do nothing;

  select * into v_part from djps.history_parts p
  where (p.to_day::timestamp at time zone 'UTC') + (select min(r.keep) from djps.retention r)
          <= clock_timestamp()
    and coalesce(p.check_at, '-infinity') <= clock_timestamp()
  order by p.from_day limit 1;
  if not found then
    return 'idle';
  end if;
  insert into djps.history_work (phase, from_day, to_day, sources, after_id)
  values ('survey', v_part.from_day, v_part.to_day, array[v_part.suffix],
          djps.day_floor(v_part.from_day));
  return 'chosen';
end
$$;

-- Begins to copy what stays. Older kept parts that are not much larger are taken along, so that
-- there are never more than a few: their number grows with the logarithm of what is kept.
create function djps.history_begin_copy(p_work djps.history_work) returns void
language plpgsql
as $$
declare
  v_kept   bigint := p_work.seen - p_work.expired;
  v_target text := 'k' || nextval('djps.history_generation');
  v_part   djps.history_parts;
  v_parent text;
  v_key    text;
  v_suffix text;
begin
  while v_kept > 0 loop
    select * into v_part from djps.history_parts p
    where p.from_day < p_work.from_day order by p.from_day desc limit 1;
    exit when not found or v_part.kept is null or v_part.kept > 2 * v_kept + 10000;
    -- Strays in the gap between the two belong to the default partition.
    exit when exists (select from djps.facts_default f where f.id >= djps.day_floor(v_part.to_day)
                        and f.id < djps.day_floor(p_work.from_day))
           or exists (select from djps.outcomes_default o where o.id >= djps.day_floor(v_part.to_day)
                        and o.id < djps.day_floor(p_work.from_day))
           or exists (select from djps.attempts_default a where a.job_id >= djps.day_floor(v_part.to_day)
                        and a.job_id < djps.day_floor(p_work.from_day));
    p_work.from_day := v_part.from_day;
    p_work.sources := v_part.suffix || p_work.sources;
    v_kept := v_kept + v_part.kept;
  end loop;

  delete from djps.history_changes;
  foreach v_parent in array array['facts', 'outcomes', 'attempts'] loop
    v_key := djps.history_key(v_parent);
    execute format('create table djps.%I (like djps.%I including defaults including constraints
                    including indexes)', v_parent || '_' || v_target, v_parent);
    execute format('alter table djps.%I add constraint bounds check (%I >= %L and %I < %L)',
                   v_parent || '_' || v_target, v_key, djps.day_floor(p_work.from_day),
                   v_key, djps.day_floor(p_work.to_day));
    perform djps.set_history_options(v_parent || '_' || v_target, true);
    foreach v_suffix in array p_work.sources loop
      execute format('create trigger djps_note_change after insert or update or delete on djps.%I
                      for each row execute function djps.note_history_change(%L)',
                     v_parent || '_' || v_suffix, v_parent);
    end loop;
  end loop;
  update djps.history_work
  set phase = 'copy', from_day = p_work.from_day, sources = p_work.sources, target = v_target,
      after_id = djps.day_floor(p_work.from_day), seen = 0, expired = 0, live = false,
      next_expiry = null;
end
$$;

-- When a part is to be looked at again. Whatever stays for ever is looked at once a month.
create function djps.history_next_check(p_live boolean, p_next_expiry timestamptz)
returns timestamptz
language sql volatile
as $$
  select case when p_live then clock_timestamp() + interval '1 day'
              else greatest(clock_timestamp() + interval '1 day',
                            least(p_next_expiry, clock_timestamp() + interval '30 days')) end;
$$;

-- Copies these jobs, so far as they stay, into the new tables.
create function djps.history_copy(p_work djps.history_work, p_ids uuid[]) returns void
language plpgsql
as $$
declare
  v_parent text;
begin
  foreach v_parent in array array['facts', 'outcomes', 'attempts'] loop
    execute format('insert into djps.%1$I select r.* from djps.%2$I r
                    where r.%3$I = any ($1) and r.%3$I > %4$L and r.%3$I < %5$L',
                   v_parent || '_' || p_work.target, v_parent, djps.history_key(v_parent),
                   djps.day_floor(p_work.from_day), djps.day_floor(p_work.to_day)) using p_ids;
  end loop;
end
$$;

-- Walks over the next p_rows jobs of the work in progress: judges them, and in the phase copy
-- copies what stays. At the end of the survey decides whether the part goes now: when half of its
-- jobs may go, or some could have gone a week ago.
create function djps.history_walk(p_work djps.history_work, p_rows integer,
                                  out done text, out jobs bigint)
language plpgsql
as $$
declare
  v_until uuid := djps.day_floor(p_work.to_day);
  v_now   timestamptz := clock_timestamp();
  v_ids   uuid[];
  v_stay  uuid[];
begin
  done := p_work.phase;
  execute format('select array_agg(c.id order by c.id) from (select f.id from djps.facts f
                  where f.id > %L and f.id < %L order by f.id limit %s) c',
                 p_work.after_id, v_until, p_rows) into v_ids;
  jobs := coalesce(cardinality(v_ids), 0);
  if jobs > 0 then
    select p_work.expired + count(*) filter (where j.expires_at <= v_now),
           p_work.live or bool_or(j.live),
           p_work.overdue or coalesce(bool_or(j.expires_at < v_now - interval '7 days'), false),
           least(p_work.next_expiry, min(j.expires_at) filter (where j.expires_at > v_now)),
           array_agg(j.id) filter (where coalesce(j.expires_at, 'infinity') > v_now)
    into p_work.expired, p_work.live, p_work.overdue, p_work.next_expiry, v_stay
    from djps.history_judge(v_ids, p_work.after_id, v_until) j;
    if p_work.phase = 'copy' and v_stay is not null then
      perform djps.history_copy(p_work, v_stay);
    end if;
    update djps.history_work
    set after_id = v_ids[jobs], seen = p_work.seen + jobs, expired = p_work.expired,
        live = p_work.live, overdue = p_work.overdue, next_expiry = p_work.next_expiry;
  elsif p_work.phase = 'copy' then
    update djps.history_work set phase = 'swap';
  elsif p_work.seen = 0 or p_work.expired * 2 >= p_work.seen or p_work.overdue then
    perform djps.history_begin_copy(p_work);
    done := 'began';
  else
    update djps.history_parts
    set check_at = case when p_work.expired > 0 then v_now + interval '1 day'
                        else djps.history_next_check(p_work.live, p_work.next_expiry) end
    where from_day = p_work.from_day;
    delete from djps.history_work;
    done := 'left';
  end if;
end
$$;

-- Copies again what changed since it was copied, at most p_rows changes. Returns how many.
create function djps.history_catch_up(p_work djps.history_work, p_rows integer) returns bigint
language plpgsql
as $$
declare
  v_ids    uuid[];
  v_count  bigint;
  v_parent text;
begin
  with taken as (
    delete from djps.history_changes
    where ctid = any (array(select ctid from djps.history_changes limit p_rows))
    returning job_id
  )
  select array_agg(distinct job_id), count(*) into v_ids, v_count from taken;
  if v_count = 0 then
    return 0;
  end if;
  foreach v_parent in array array['facts', 'outcomes', 'attempts'] loop
    execute format('delete from djps.%I where %I = any ($1)', v_parent || '_' || p_work.target,
                   djps.history_key(v_parent)) using v_ids;
  end loop;
  perform djps.history_copy(p_work, array(
    select j.id from djps.history_judge(v_ids, djps.day_floor(p_work.from_day),
                                        djps.day_floor(p_work.to_day)) j
    where coalesce(j.expires_at, 'infinity') > clock_timestamp()));
  return v_count;
end
$$;

-- Would a swap have to wait for somebody: a vacuum or DDL on one of its tables, or a transaction that
-- has read or written jobs for a second? Better to ask than to queue for the lock and have all others
-- queue behind.
create function djps.history_is_held(p_work djps.history_work) returns boolean
language sql volatile
as $$
  select exists (
    select from pg_locks l
    left join pg_stat_activity a on a.pid = l.pid
    where l.locktype = 'relation' and l.granted and l.pid <> pg_backend_pid()
      and l.database = (select d.oid from pg_database d where d.datname = current_database())
      and l.relation in (
        select to_regclass(format('djps.%I', parent || part))::oid
        from unnest(array['facts', 'outcomes', 'attempts']) parent
        cross join unnest(array['', '_default']
                          || array(select '_' || s from unnest(p_work.sources) s)) part)
      and (l.mode not in ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')
           or a.xact_start < clock_timestamp() - interval '1 second'));
$$;

-- Puts what was copied in the place of the old parts. Returns false where others are in the way.
--
-- Locks: ACCESS EXCLUSIVE on facts, outcomes and attempts, for as long as it takes to copy the last
-- few changes and to write to the catalogs. Whoever reads or writes jobs waits for it, so it hardly
-- waits for anybody: lock_timeout, 100 ms for the first lock and 10 ms for the others.
create function djps.history_swap(p_work djps.history_work) returns boolean
language plpgsql
as $$
declare
  v_any    boolean;
  v_parent text;
  v_suffix text;
  v_target text;
begin
  if djps.history_is_held(p_work)
     or not pg_try_advisory_xact_lock(hashtextextended('djps.ensure_partitions', 0)) then
    return false;
  end if;
  lock table only djps.facts in access exclusive mode;
  -- Whoever took the others first now waits for facts, and would wait for as long as we do.
  perform set_config('lock_timeout', '10ms', true);
  lock table only djps.outcomes, only djps.attempts in access exclusive mode;
  while djps.history_catch_up(p_work, 1000) > 0 loop
  end loop;
  execute format('select exists (select from djps.%I)', 'facts_' || p_work.target) into v_any;
  foreach v_parent in array array['facts', 'outcomes', 'attempts'] loop
    v_target := v_parent || '_' || p_work.target;
    foreach v_suffix in array p_work.sources loop
      execute format('alter table djps.%I detach partition djps.%I', v_parent, v_parent || '_' || v_suffix);
    end loop;
    if v_any then
      execute format('alter table djps.%I attach partition djps.%I for values from (%L) to (%L)',
                     v_parent, v_target, djps.day_floor(p_work.from_day),
                     djps.day_floor(p_work.to_day));
      execute format('alter table djps.%I drop constraint bounds', v_target);
    else
      execute format('drop table djps.%I', v_target);
    end if;
  end loop;
  delete from djps.history_parts p where p.suffix = any (p_work.sources);
  if v_any then
    insert into djps.history_parts (from_day, to_day, suffix, kept, check_at)
    values (p_work.from_day, p_work.to_day, p_work.target, p_work.seen - p_work.expired,
            djps.history_next_check(p_work.live, p_work.next_expiry));
  end if;
  update djps.history_work set phase = 'sweep', after_id = djps.day_floor(from_day);
  return true;
end
$$;

-- Removes what is kept beside the next p_rows jobs that are gone, of the first old part; when it is
-- through with a part, drops it. A key whose own lifetime goes on stays.
create function djps.history_sweep(p_work djps.history_work, p_rows integer,
                                   out done text, out jobs bigint)
language plpgsql
as $$
declare
  v_suffix text := p_work.sources[1];
  v_parent text;
  v_ids    uuid[];
begin
  done := 'sweep';
  if v_suffix is null then
    delete from djps.history_work;
    done := 'finished';
    return;
  end if;
  if to_regclass('djps.facts_' || v_suffix) is not null then
    execute format('select array_agg(c.id order by c.id) from (select f.id from djps.%I f
                    where f.id > %L order by f.id limit %s) c',
                   'facts_' || v_suffix, p_work.after_id, p_rows) into v_ids;
  end if;
  jobs := coalesce(cardinality(v_ids), 0);
  if jobs = 0 then
    foreach v_parent in array array['facts', 'outcomes', 'attempts'] loop
      execute format('drop table if exists djps.%I', v_parent || '_' || v_suffix);
    end loop;
    update djps.history_work set sources = sources[2:], after_id = djps.day_floor(from_day);
    done := 'dropped';
    return;
  end if;
  update djps.history_work set after_id = v_ids[jobs];

  v_ids := array(select unnest(v_ids) except
                 select j.id from djps.history_judge(v_ids, p_work.after_id,
                                                     djps.day_floor(p_work.to_day)) j);
  execute format('delete from djps.job_tags t using djps.%I f
                  where f.id = any ($1) and f.tags is not null
                    and t.lane = f.lane and t.tag = any (f.tags) and t.job_id = f.id',
                 'facts_' || v_suffix) using v_ids;
  execute format('delete from djps.idempotency_keys k using djps.%I f
                  where f.id = any ($1) and f.idempotency_key is not null
                    and k.lane = f.lane and k.type = f.type and k.key = f.idempotency_key
                    and k.job_id = f.id
                    and (k.expires_at is null or k.expires_at < clock_timestamp())',
                 'facts_' || v_suffix) using v_ids;
  delete from djps.progress p where p.job_id = any (v_ids);
  delete from djps.log_lines w where w.job_id = any (v_ids);
  delete from djps.snoozes s where s.job_id = any (v_ids);
  delete from djps.unique_keys u
  where u.job_id = any (v_ids) and (u.expires_at is null or u.expires_at < clock_timestamp());
end
$$;

-- Throws a copy away; the old parts have been there all the time.
create function djps.history_abandon(p_work djps.history_work) returns void
language plpgsql
as $$
declare
  v_parent text;
  v_suffix text;
begin
  if p_work.target is not null then
    foreach v_parent in array array['facts', 'outcomes', 'attempts'] loop
      foreach v_suffix in array p_work.sources loop
        execute format('drop trigger if exists djps_note_change on djps.%I', v_parent || '_' || v_suffix);
      end loop;
      execute format('drop table if exists djps.%I', v_parent || '_' || p_work.target);
    end loop;
  end if;
  delete from djps.history_changes;
  delete from djps.history_work;
end
$$;

-- Does the next small step of throwing away what is past its retention, whoever began it; one at a
-- time, whoever calls. `done` says what it was:
--   idle      nothing to do          busy      somebody else is at it
--   chosen    a part to look at      survey, copy, sweep   walked over `jobs` jobs of it
--   began     to copy what stays     left      too little of it may go: later
--   caught_up with what changed      swapped   what stays is in place, the rest is out
--   dropped   an old part            finished  with this part      abandoned  a copy
--   locked    somebody held a lock for too long: try again later
--   failed    see the server's log; the copy is thrown away and begun again after an hour
--
-- Locks: an advisory transaction lock, the row of history_work, and what the steps say. Safe to
-- repeat, and to interrupt at any point: yes.
create function djps.history_step(p_rows integer default 2000, out done text, out jobs bigint)
language plpgsql volatile
set lock_timeout = '100ms'
as $$
declare
  v_work djps.history_work;
begin
  jobs := 0;
  if not pg_try_advisory_xact_lock(hashtextextended('djps.history', 0)) then
    done := 'busy';
    return;
  end if;
  begin
    select * into v_work from djps.history_work for update;
    if not found then
      done := djps.history_choose();
    elsif v_work.phase in ('survey', 'copy') then
      select w.done, w.jobs into done, jobs from djps.history_walk(v_work, p_rows) w;
    elsif v_work.phase = 'swap' then
      jobs := djps.history_catch_up(v_work, p_rows);
      done := case when jobs > 100 then 'caught_up'
                   when djps.history_swap(v_work) then 'swapped' else 'locked' end;
    elsif v_work.phase = 'sweep' then
      select w.done, w.jobs into done, jobs from djps.history_sweep(v_work, p_rows) w;
    else
      perform djps.history_abandon(v_work);
      done := 'abandoned';
    end if;
  exception
    when lock_not_available or deadlock_detected then
      done := 'locked';
      jobs := 0;
    when others then
      if v_work.phase is null or v_work.phase not in ('survey', 'copy', 'swap') then
        raise;
      end if;
      raise warning 'history of % to %: % (%)', v_work.from_day, v_work.to_day, sqlerrm, sqlstate;
      update djps.history_work set phase = 'abandon';
      update djps.history_parts p set check_at = clock_timestamp() + interval '1 hour'
      where p.from_day >= v_work.from_day and p.from_day < v_work.to_day;
      done := 'failed';
      jobs := 0;
  end;
end
$$;

-- ---- Keys ------------------------------------------------------------------------------------

-- Deletes idempotency keys and places of unique jobs whose own lifetime is over, at most p_limit of
-- each. Returns how many. Such a key is as good as none, so nothing is decided here.
create function djps.purge_expired_keys(p_limit integer) returns bigint
language sql volatile
as $$
  with keys as (
    delete from djps.idempotency_keys
    where expires_at < now() and ctid = any (array(
      select k.ctid from djps.idempotency_keys k
      where k.expires_at < now() order by k.expires_at limit p_limit for update skip locked))
    returning 1
  ),

  places as (
    delete from djps.unique_keys
    where expires_at < now() and ctid = any (array(
      select u.ctid from djps.unique_keys u
      where u.expires_at < now() order by u.expires_at limit p_limit for update skip locked))
    returning 1
  )

  select (select count(*) from keys) + (select count(*) from places);
$$;

revoke all on all functions in schema djps from public;

do $$
begin
  if exists (select from pg_roles where rolname = 'djps_operator') then
    grant select on djps.retention to djps_operator;
    grant execute on function djps.set_retention to djps_operator;
  end if;
  if exists (select from pg_roles where rolname = 'djps_reader') then
    grant select on djps.retention to djps_reader;
  end if;
end
$$;
