-- Twice a second: total, succeeded, dead, failed attempts so far, failed attempts of :upload.
\ir run.sql
select
  count(*),
  count(*) filter (where j.status = 'succeeded'),
  count(*) filter (where j.status = 'dead'),
  coalesce(sum(failures.n), 0),
  coalesce(sum(failures.n) filter (where run.path = :'upload'), 0)
from run
join djps.jobs j on j.id = run.id
left join lateral (
  select count(*) as n from djps.attempts a where a.job_id = run.id
) failures on true
\watch 0.5
