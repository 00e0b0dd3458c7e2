-- list_ended(int2, uuid, uuid, text, int4, int4, text, text, timestamptz, timestamptz)
-- Lists a page of jobs that ended with one status, the latest created first.
--
-- $1 lane            int2
-- $2 above           uuid         ids greater than this
-- $3 below           uuid         ids smaller than this
-- $4 status          text         succeeded, canceled or dead
-- $5 scan            int4         outcomes to look at, at most
-- $6 limit           int4         jobs to find, at most
-- $7 type            text         '': any
-- $8 queue           text         '': any
-- $9 created_from    timestamptz  inclusive
-- $10 created_until  timestamptz  exclusive
-- Returns: id uuid, matched bool
-- A row with matched = false is the last job looked at, when the scan ended before the page was full.
--
-- Locks: none. Index: outcomes_unsuccessful_idx, or for succeeded jobs (nearly all) the primary key
-- of outcomes. Cost: O(scan), one probe of facts for each. Safe to repeat: yes.
-- offset 0: a probe for each row, never a join with all facts, whatever the statistics say.
with walked as (
  select ended.id
  from (
    select o.id, o.status
    from djps.outcomes o
    where $4 = 'succeeded' and o.lane = $1 and o.id > $2 and o.id < $3
    order by o.id desc
    limit $5
  ) ended
  where ended.status = 'succeeded'
  union all
  (select o.id
   from djps.outcomes o
   where $4 <> 'succeeded' and o.status <> 'succeeded' and o.status = $4::djps.job_status
     and o.lane = $1 and o.id > $2 and o.id < $3
   order by o.id desc
   limit $5)
),

page as materialized (
  select w.id
  from walked w
  where exists (
    select from djps.facts f
    where f.id = w.id and f.lane = $1
      and ($7 = '' or f.type = $7) and ($8 = '' or f.queue = $8)
      and f.created_at >= $9 and f.created_at < $10
    offset 0)
  limit $6
),

stop as (
  (select o.id
   from djps.outcomes o
   where $4 = 'succeeded' and o.lane = $1 and o.id > $2 and o.id < $3
   order by o.id desc
   offset $5 - 1 limit 1)
  union all
  (select o.id
   from djps.outcomes o
   where $4 <> 'succeeded' and o.status <> 'succeeded' and o.status = $4::djps.job_status
     and o.lane = $1 and o.id > $2 and o.id < $3
   order by o.id desc
   offset $5 - 1 limit 1)
)

select id, true as matched from page
union all
select id, false from stop where (select count(*) from page) < $6
