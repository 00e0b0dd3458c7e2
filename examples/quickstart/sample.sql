-- The id of one job worth looking at: a dead one, else the first.
\ir run.sql
select run.id
from run
join djps.jobs j on j.id = run.id
order by j.status = 'dead' desc, run.id
limit 1;
