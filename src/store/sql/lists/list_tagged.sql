-- list_tagged(int2, uuid, uuid, text, int4, int4, text, text, timestamptz, timestamptz)
-- Lists a page of jobs that have a tag, the latest created first.
--
-- $1 lane            int2
-- $2 above           uuid         ids greater than this
-- $3 below           uuid         ids smaller than this
-- $4 tag             text
-- $5 scan            int4         jobs with the tag to look at, at most
-- $6 limit           int4         jobs to find, at most
-- $7 type            text         '': any
-- $8 queue           text         '': any
-- $9 created_from    timestamptz  inclusive
-- $10 created_until  timestamptz  exclusive
-- Returns: id uuid, matched bool
-- A row with matched = false is the last job looked at, when the scan ended before the page was full.
--
-- Locks: none. Index: the primary key of job_tags. Cost: O(scan), one probe of facts for each.
-- Safe to repeat: yes.
-- offset 0: a probe for each row, never a join with all facts, whatever the statistics say.
with page as materialized (
  select w.job_id
  from (
    select t.job_id
    from djps.job_tags t
    where t.lane = $1 and t.tag = $4 and t.job_id > $2 and t.job_id < $3
    order by t.job_id desc
    limit $5
  ) w
  where exists (
    select from djps.facts f
    where f.id = w.job_id and f.lane = $1
      and ($7 = '' or f.type = $7) and ($8 = '' or f.queue = $8)
      and f.created_at >= $9 and f.created_at < $10
    offset 0)
  limit $6
),

stop as (
  select t.job_id
  from djps.job_tags t
  where t.lane = $1 and t.tag = $4 and t.job_id > $2 and t.job_id < $3
  order by t.job_id desc
  offset $5 - 1 limit 1
)

select job_id as id, true as matched from page
union all
select job_id, false from stop where (select count(*) from page) < $6
