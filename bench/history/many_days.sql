-- Past days with a few jobs each, the oldest first: a partition a day, as time would have made them.
-- Variables: from_back, to_back (days before today, the first is the larger), jobs (of each day).
-- A fifth of the jobs is still queued; the others have succeeded.

create temporary table past as
select back, (now() at time zone 'UTC')::date - back as day
from generate_series(:from_back, :to_back, -1) back;

-- One transaction a day: each partition takes locks.
select format('select djps.make_partition(parent, %L)
               from unnest(array[''facts'', ''outcomes'', ''attempts'']) parent', day)
from past order by back desc
\gexec

insert into djps.facts
  (id, created_at, run_at, lane, priority, max_attempts, queue, type, payload)
select
  (left(djps.uuid_floor(at)::text, 14) || '7000-8000-' || lpad(to_hex(past.back), 6, '0')
   || lpad(to_hex(n), 4, '0') || '00')::uuid,
  at, at, 0, 0, 5, case when n % 5 = 0 then 'waiting' else 'done' end, 'email', '{"to": "someone@example.com"}'
from past
cross join generate_series(0, :jobs - 1) n
cross join lateral (
  select past.day::timestamp at time zone 'UTC' + interval '1 hour' + interval '1 second' * n as at) t;

insert into djps.outcomes (id, finished_at, status, lane, attempts)
select f.id, f.created_at + interval '1 second', 'succeeded', 0, 1
from djps.facts f
where f.queue = 'done' and f.created_at >= (select min(day) from past)
  and f.created_at < (select max(day) + 1 from past);

insert into djps.ready (id, visible_at, lane, priority, attempts, failed, queue, type)
select f.id, f.run_at, 0, 0, 0, false, f.queue, f.type
from djps.facts f
where f.queue = 'waiting' and f.created_at >= (select min(day) from past)
  and f.created_at < (select max(day) + 1 from past);
