-- list_queued(int2, text, int2, timestamptz, uuid, text, int4, int4, text, timestamptz, timestamptz)
-- Lists a page of waiting jobs in the order in which workers claim them within each queue: by
-- priority, then by the time at which they are due.
--
-- $1 lane            int2
-- $2 queue           text         the position after which to go on: queue, priority, due, id
-- $3 priority        int2
-- $4 visible_at      timestamptz
-- $5 id              uuid
-- $6 last_queue      text         no queue after this one
-- $7 scan            int4         rows to look at, at most
-- $8 limit           int4         jobs to find, at most
-- $9 type            text         '': any
-- $10 created_from   timestamptz  inclusive
-- $11 created_until  timestamptz  exclusive
-- Returns: id uuid, matched bool, queue text, priority int2, visible_at timestamptz
-- A row with matched = false is the last job looked at, when the scan ended before the page was full.
--
-- Locks: none. Index: ready_claim_key, read in order from the given position. Cost: O(scan).
-- Safe to repeat: yes.
-- offset 0: a probe for each row, never a join with all facts, whatever the statistics say.
with page as materialized (
  select w.id, w.queue, w.priority, w.visible_at
  from (
    select r.id, r.queue, r.priority, r.visible_at, r.type, r.failed
    from djps.ready r
    where r.lane = $1
      and (r.queue, r.priority, r.visible_at, r.id) > ($2, $3, $4, $5)
      and r.queue <= $6
    order by r.queue, r.priority, r.visible_at, r.id
    limit $7
  ) w
  where not w.failed
    and ($9 = '' or w.type = $9)
    and exists (
      select from djps.facts f
      where f.id = w.id and f.lane = $1 and f.created_at >= $10 and f.created_at < $11
    offset 0)
  limit $8
),

stop as (
  select r.id, r.queue, r.priority, r.visible_at
  from djps.ready r
  where r.lane = $1
    and (r.queue, r.priority, r.visible_at, r.id) > ($2, $3, $4, $5)
    and r.queue <= $6
  order by r.queue, r.priority, r.visible_at, r.id
  offset $7 - 1 limit 1
)

select id, true as matched, queue, priority, visible_at from page
union all
select id, false, queue, priority, visible_at from stop where (select count(*) from page) < $8
