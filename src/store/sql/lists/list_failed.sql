-- list_failed(int2, uuid, uuid, int4, int4, text, text, timestamptz, timestamptz)
-- Lists a page of jobs that wait for a retry after a failed attempt, the latest created first.
--
-- $1 lane           int2
-- $2 above          uuid         ids greater than this
-- $3 below          uuid         ids smaller than this
-- $4 scan           int4         rows to look at, at most
-- $5 limit          int4         jobs to find, at most
-- $6 type           text         '': any
-- $7 queue          text         '': any
-- $8 created_from   timestamptz  inclusive
-- $9 created_until  timestamptz  exclusive
-- Returns: id uuid, matched bool
-- A row with matched = false is the last job looked at, when the scan ended before the page was full.
--
-- Locks: none. Index: ready_moved_idx, which also has snoozed rows. The lane is compared in facts
-- only, so that the planner cannot take ready_claim_key, which has all rows. Cost: O(scan).
-- Safe to repeat: yes.
-- offset 0: a probe for each row, never a join with all facts, whatever the statistics say.
with page as materialized (
  select w.id
  from (
    select r.id, r.failed
    from djps.ready r
    where r.moved_at is not null and r.id > $2 and r.id < $3
    order by r.id desc
    limit $4
  ) w
  where w.failed
    and exists (
      select from djps.facts f
      where f.id = w.id and f.lane = $1
        and ($6 = '' or f.type = $6) and ($7 = '' or f.queue = $7)
        and f.created_at >= $8 and f.created_at < $9
    offset 0)
  limit $5
),

stop as (
  select r.id
  from djps.ready r
  where r.moved_at is not null and r.id > $2 and r.id < $3
  order by r.id desc
  offset $4 - 1 limit 1
)

select id, true as matched from page
union all
select id, false from stop where (select count(*) from page) < $5
