-- purge_progress(int2, interval, int4)
-- Deletes the progress and the log lines of jobs that have ended and were created more than $2 ago,
-- up to $3 rows of each.
--
-- $1 lane   int2
-- $2 age    interval  since the job was created
-- $3 limit  int4
-- Returns: deleted int4
--
-- Locks: the rows. Index: progress_pkey and log_lines_pkey, from the oldest job on. Cost: O(limit),
-- plus old jobs that have not ended. Safe to repeat: yes.
with old_progress as (
  delete from djps.progress
  where ctid = any (array(
    select p.ctid
    from djps.progress p
    where p.job_id < djps.uuid_floor(now() - $2)
      and p.lane = $1
      and (exists (select from djps.outcomes o where o.id = p.job_id and o.lane = $1)
           or not exists (select from djps.facts f where f.id = p.job_id and f.lane = $1))
    limit $3
  ))
  returning 1
),

old_lines as (
  delete from djps.log_lines
  where ctid = any (array(
    select w.ctid
    from djps.log_lines w
    where w.job_id < djps.uuid_floor(now() - $2)
      and w.lane = $1
      and (exists (select from djps.outcomes o where o.id = w.job_id and o.lane = $1)
           or not exists (select from djps.facts f where f.id = w.job_id and f.lane = $1))
    limit $3
  ))
  returning 1
)

select ((select count(*) from old_progress) + (select count(*) from old_lines))::int4 as deleted
