-- One past day of jobs, written as a partition of its own before it becomes one: so its indexes are
-- built once. Variables: day (a date), finished, scheduled, ready (counts), seed (of the ids).
--
-- Jobs are spread evenly over the day. They are in queues of their own, not in that of `djps bench`:
-- what is measured is the same tables and indexes beside them, not the work of getting through them.

begin;

create table djps.facts_loaded (like djps.facts including defaults including constraints);
create table djps.outcomes_loaded (like djps.outcomes including defaults including constraints);
create table djps.attempts_loaded (like djps.attempts including defaults including constraints);
select djps.set_history_options(name, false)
from unnest(array['facts_loaded', 'outcomes_loaded', 'attempts_loaded']) name;

create temporary table loaded on commit drop as
select
  (lpad(to_hex(extract(epoch from at)::bigint * 1000), 12, '0')
   || '70008000' || lpad(to_hex(:seed + n), 10, '0') || '00')::uuid as id,
  at,
  n
from (
  select n, (:'day'::timestamp at time zone 'UTC')
            + interval '86000 seconds' * (n::float8 / (:finished + :scheduled + :ready)) as at
  from generate_series(1, :finished + :scheduled + :ready) n
) placed;

-- Mixes the kinds over the day: without it all that is ready would have come last.
create function pg_temp.kind_of(n bigint, finished bigint, scheduled bigint, ready bigint)
returns text language sql immutable as $$
  select case
    when (n * 7919) % (finished + scheduled + ready) < finished then 'finished'
    when (n * 7919) % (finished + scheduled + ready) < finished + scheduled then 'scheduled'
    else 'ready'
  end
$$;

insert into djps.facts_loaded
  (id, created_at, run_at, lane, priority, max_attempts, queue, type, payload)
select
  l.id, l.at,
  case k.kind when 'scheduled' then now() + interval '1 day' + interval '1 second' * (l.n % 2000000)
              else l.at end,
  0, 0, 5, 'history-' || k.kind, 'email',
  '{"to": "someone@example.com", "subject": "hello", "body": "lorem ipsum dolor sit amet"}'::jsonb
from loaded l
cross join lateral (select pg_temp.kind_of(l.n, :finished, :scheduled, :ready) as kind) k
order by l.id;

insert into djps.outcomes_loaded (id, finished_at, status, lane, attempts)
select id, created_at + interval '1 second', 'succeeded', 0, 1
from djps.facts_loaded
where queue = 'history-finished'
order by id;

-- Its indexes are built again when all days are there (index_ready.sql).
insert into djps.ready (id, visible_at, lane, priority, attempts, failed, queue, type)
select id, run_at, 0, 0, 0, false, queue, type
from djps.facts_loaded
where queue <> 'history-finished';

select
  format('alter table djps.%s_loaded rename to %s_%s', parent, parent, to_char(:'day'::date, 'YYYYMMDD')),
  format('alter table djps.%s attach partition djps.%s_%s for values from (%L) to (%L)',
         parent, parent, to_char(:'day'::date, 'YYYYMMDD'),
         djps.day_floor(:'day'::date), djps.day_floor(:'day'::date + 1))
from unnest(array['facts', 'outcomes', 'attempts']) parent
\gexec

commit;
