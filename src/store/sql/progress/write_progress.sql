-- write_progress(int2, uuid[], uuid[], float8[], text[], jsonb[])
-- Stores the progress and the checkpoints of running jobs. The arrays are parallel, one element a
-- job, no job twice. A null percent or message keeps what this attempt wrote before; a null
-- checkpoint keeps what any attempt wrote.
--
-- $1 lane         int2
-- $2 leases       uuid[]    the lease each job is held under
-- $3 jobs         uuid[]
-- $4 percents     float8[]  0..100
-- $5 messages     text[]
-- $6 checkpoints  jsonb[]
-- Returns: id uuid
-- Returns only the jobs that were held: the fence holds here too.
--
-- Locks: the lease rows, shared, in the order of their ids, so that no other worker takes the jobs
-- meanwhile. Index: progress_pkey. Cost: O(jobs). Safe to repeat: yes.
with held as materialized (
  select d.job, l.attempts[array_position(l.job_ids, d.job)] as attempt, d.percent, d.message,
         d.checkpoint
  from unnest($2, $3, $4, $5, $6) as d (lease, job, percent, message, checkpoint)
  join djps.leases l
    on l.lane = $1 and l.id = d.lease and d.job = any (l.job_ids)
   and l.expires_at > clock_timestamp()
  order by l.id
  for share of l
)
insert into djps.progress as p (job_id, updated_at, percent, lane, attempt, message, checkpoint)
select job, clock_timestamp(), percent, $1, attempt, message, checkpoint
from held
on conflict (job_id, lane) do update
set updated_at = excluded.updated_at,
    percent    = case when p.attempt = excluded.attempt
                      then coalesce(excluded.percent, p.percent) else excluded.percent end,
    message    = case when p.attempt = excluded.attempt
                      then coalesce(excluded.message, p.message) else excluded.message end,
    attempt    = excluded.attempt,
    checkpoint = coalesce(excluded.checkpoint, p.checkpoint)
returning job_id as id
