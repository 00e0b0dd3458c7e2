-- look_at_queue(int2, text, text[], int2[], timestamptz[], uuid[], timestamptz[], uuid[], int4[], int4[])
-- What a claim cursor has to know before it may move on: who is writing to `ready` now, what was
-- left behind, and which priority levels are new. Asked every so many claims, not with each.
-- What is made of the answer, and why that is complete: src/store/claim_cursor.h
--
-- $1 lane        int2
-- $2 queue       text
-- $3 types       text[]
-- $4 priorities  int2[]         ranges in which there should be nothing left: their levels,
-- $5 floor_at    timestamptz[]  where they begin: the place (floor_at, floor_id)
-- $6 floor_id    uuid[]
-- $7 next_at     timestamptz[]  and before which place they end
-- $8 next_id     uuid[]
-- $9 above       int4[]         the gaps between the known levels, in which new ones would be:
-- $10 below      int4[]         above < priority < below
-- Returns: kind text, priority int2, at timestamptz, id uuid, writer text
--   clock   at: the database's clock before anything else was read; writer: when the server started
--   writer  writer: a transaction that holds ROW EXCLUSIVE on ready, so it has written or may write
--   left    priority, at, id: the first due job of a range, claimed by somebody or not
--   level   priority: a level that is not among those known
--
-- Locks: none; reading pg_locks takes the lock manager's own for a moment (about 0.1 ms).
-- Index: ready_claim_key. Cost: O(writers + levels) plus what lies between floor and next.
-- Safe to repeat: yes.
select 'clock' as kind, null::int2 as priority, now() as at, null::uuid as id,
       pg_postmaster_start_time()::text as writer
union all
select 'writer', null, null, null, l.virtualtransaction
from pg_locks l
where l.locktype = 'relation'
  and l.database = (select d.oid from pg_database d where d.datname = current_database())
  and l.relation = 'djps.ready'::regclass
  and l.mode = 'RowExclusiveLock'
  and l.granted
union all
select 'left', level.priority, remaining.visible_at, remaining.id, null
from unnest($4, $5, $6, $7, $8) as level (priority, floor_at, floor_id, next_at, next_id)
cross join lateral (
  select r.visible_at, r.id
  from djps.ready r
  where r.lane = $1
    and r.queue = $2
    and r.priority = level.priority
    and (r.visible_at, r.id) >= (level.floor_at, level.floor_id)
    and (r.visible_at, r.id) < (level.next_at, level.next_id)
    and r.type = any ($3)
  order by r.visible_at, r.id
  limit 1
) remaining
union all
select 'level', found.priority, null, null, null
from unnest($9, $10) as gap (above, below)
cross join lateral (
  -- A loose index scan: one probe for each level, whatever the number of rows.
  with recursive level as (
    (
      select r.priority
      from djps.ready r
      where r.lane = $1 and r.queue = $2 and r.priority > gap.above and r.priority < gap.below
      order by r.priority
      limit 1
    )
    union all
    select (
      select r.priority
      from djps.ready r
      where r.lane = $1 and r.queue = $2 and r.priority > level.priority and r.priority < gap.below
      order by r.priority
      limit 1
    )
    from level
    where level.priority is not null
  )
  select priority from level where priority is not null
) found
