-- look_at_queue(int2, text, text[], int2[], timestamptz[], uuid[], timestamptz[], uuid[], int4[], int4[])
-- What a claim cursor has to know before it may move on: what was left behind, and which priority levels
-- are new. Asked every so many claims, not with each, and after list_writers has answered, so that it sees
-- what those have written who are not among the writers any more.
--
-- $1 lane        int2
-- $2 queue       text
-- $3 types       text[]
-- $4 priorities  int2[]         ranges of which the first job is looked for: their levels,
-- $5 from_at     timestamptz[]  where they begin: the place (from_at, from_id)
-- $6 from_id     uuid[]
-- $7 until_at    timestamptz[]  and before which place they end
-- $8 until_id    uuid[]
-- $9 above       int4[]         the gaps between the known levels, in which new ones would be:
-- $10 below      int4[]         above < priority < below
-- Returns: kind text, which int4, at timestamptz, id uuid
--   left    which: the range's place in the arrays, from 1; at, id: its first job, claimed by somebody or not
--   level   which: the priority of a level that is not among those known
--
-- Locks: none. Index: ready_claim_key. Cost: O(levels) plus what lies between the beginning of a range and
-- its first job: what was deleted and not yet vacuumed, and jobs of other types.
-- Safe to repeat: yes.
select 'left' as kind, range.which::int4 as which, first.visible_at as at, first.id
from unnest($4, $5, $6, $7, $8) with ordinality
  as range (priority, from_at, from_id, until_at, until_id, which)
cross join lateral (
  select r.visible_at, r.id
  from djps.ready r
  where r.lane = $1
    and r.queue = $2
    and r.priority = range.priority
    and (r.visible_at, r.id) >= (range.from_at, range.from_id)
    and (r.visible_at, r.id) < (range.until_at, range.until_id)
    and r.type = any ($3)
  order by r.visible_at, r.id
  limit 1
) first
union all
select 'level', found.priority::int4, null, null
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
