-- What became of the jobs of a run that began at :started, as tables for people.
\ir run.sql
create temporary table outcome as
select
  run.id, run.path, run.created_at >= :'started' as new,
  j.status, j.attempts, j.max_attempts, j.finished_at, j.result,
  (select a.message from djps.attempts a
   where a.job_id = run.id order by a.ended_at desc limit 1) as last_failure
from run
join djps.jobs j on j.id = run.id;

\pset footer off
\pset linestyle unicode
\pset border 1
\echo
with figures as (
  select
    count(*) as total,
    count(*) filter (where status = 'succeeded') as succeeded,
    count(*) filter (where status = 'dead') as dead,
    count(*) filter (where attempts > 1) as retried,
    count(*) filter (where new) as new,
    extract(epoch from max(finished_at) filter (where new) - :'started')::float8 as seconds
  from outcome
)
select line.name as "outcome", line.value as "jobs"
from figures,
lateral (values
  (1, 'succeeded', to_char(succeeded, 'FM999,999,990')),
  (2, 'dead', to_char(dead, 'FM999,999,990')),
  (3, 'total', to_char(total, 'FM999,999,990')),
  (4, 'of them retried', to_char(retried, 'FM999,999,990')),
  (5, 'of them new in this run', to_char(new, 'FM999,999,990')),
  (6, 'wall time', to_char(seconds, 'FM999,990.0') || ' s'),
  (7, 'throughput', to_char(new / nullif(seconds, 0), 'FM999,990') || '/s')
) line (n, name, value)
where line.value is not null
order by line.n;

\echo 'The slowest files:'
select (result ->> 'ms')::int as ms, (result ->> 'size')::int8 as bytes, result ->> 'type' as type,
       to_json(path) as file
from outcome
where status = 'succeeded'
order by ms desc, path
limit 5;

\echo 'What failed on the way, and what became of it:'
\pset format unaligned
\pset tuples_only on
select format(e'  %s after %s of %s attempts: %s\n      %s',
              status, attempts, max_attempts, to_json(path), last_failure)
from outcome
where last_failure is not null
order by status, path
limit 10;

select count(*) > 10 as more_failed, count(*) - 10 as more
from outcome
where last_failure is not null
\gset
\if :more_failed
  \echo '  ... and' :more 'more'
\endif
\echo
