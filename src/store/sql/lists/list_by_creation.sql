-- list_by_creation(int2, uuid, uuid, bool, int4, int4, text, text, text[], timestamptz, timestamptz)
-- Lists a page of jobs of any status in the order of their creation.
--
-- $1 lane            int2
-- $2 above           uuid         ids greater than this
-- $3 below           uuid         ids smaller than this
-- $4 newest_first    bool
-- $5 scan            int4         jobs to look at, at most
-- $6 limit           int4         jobs to find, at most
-- $7 type            text         '': any
-- $8 queue           text         '': any
-- $9 statuses        text[]       empty: any
-- $10 created_from   timestamptz  inclusive
-- $11 created_until  timestamptz  exclusive
-- Returns: id uuid, matched bool
-- A row with matched = false is the last job looked at, when the scan ended before the page was full.
--
-- Locks: none. Index: the primary key of facts. The scan applies filters while it walks the index. A
-- filter by status costs up to three probes for each job that passed the others. Cost: O(scan).
-- Safe to repeat: yes.
with walked as (
  (select f.id, f.type, f.queue, f.priority, f.run_at, f.created_at
   from djps.facts f
   where $4 and f.lane = $1 and f.id > $2 and f.id < $3
   order by f.id desc
   limit $5)
  union all
  (select f.id, f.type, f.queue, f.priority, f.run_at, f.created_at
   from djps.facts f
   where not $4 and f.lane = $1 and f.id > $2 and f.id < $3
   order by f.id
   limit $5)
),

page as materialized (
  select w.id
  from walked w
  where ($7 = '' or w.type = $7)
    and ($8 = '' or w.queue = $8)
    and w.created_at >= $10
    and w.created_at < $11
    and (cardinality($9) = 0 or coalesce(
      (select o.status::text from djps.outcomes o where o.id = w.id and o.lane = $1),
      (select case when r.failed then 'failed' else 'queued' end
       from djps.ready r
       where r.lane = $1 and r.queue = w.queue and r.priority = w.priority
         and r.visible_at = w.run_at and r.id = w.id and r.moved_at is null),
      (select case when r.failed then 'failed' else 'queued' end
       from djps.ready r
       -- Does not name the lane: with it the planner may walk all of ready_claim_key.
       where r.id = w.id and r.moved_at is not null),
      'running') = any ($9))
  limit $6
),

stop as (
  (select f.id
   from djps.facts f
   where $4 and f.lane = $1 and f.id > $2 and f.id < $3
   order by f.id desc
   offset $5 - 1 limit 1)
  union all
  (select f.id
   from djps.facts f
   where not $4 and f.lane = $1 and f.id > $2 and f.id < $3
   order by f.id
   offset $5 - 1 limit 1)
)

select id, true as matched from page
union all
select id, false from stop where (select count(*) from page) < $6
