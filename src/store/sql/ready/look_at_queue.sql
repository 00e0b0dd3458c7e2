-- look_at_queue(int2, text, text[], int2[], timestamptz[], uuid[], timestamptz[], uuid[], int4[], int4[], bool, int4)
-- Reads what a claim cursor needs before it may move on: the jobs left behind, and the new priority
-- levels. A fetcher asks this once for many claims, and only after list_writers has answered. So it
-- sees what the transactions have written that are not among the writers any more.
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
-- $11 due        bool           only levels in which something is due
-- $12 levels     int4           so many at most, the smallest
-- Returns: kind text, which int4, at timestamptz, id uuid
--   left    which: the range's place in the arrays, from 1; at, id: its first job, claimed or not
--   level   which: the priority of a level that is not among those known
--
-- Locks: none. Index: ready_claim_key. Cost: O(known levels + new ones) plus the entries between the
-- beginning of a range and its first job: deleted rows before vacuum, and jobs of other types. With
-- $11 also one or two probes for each level that is skipped because nothing in it is due.
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
from (
  select level.priority
  from unnest($9, $10) as gap (above, below)
  cross join lateral (
    -- A loose index scan: one probe for each level, whatever the number of rows. It looks for a level
    -- only when the limit asks for it.
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
  ) level
  -- A join, because Postgres would answer an `exists` for all levels at once, by reading every row.
  left join lateral (
    select true as is_due
    from djps.ready r
    where $11 and r.lane = $1 and r.queue = $2 and r.priority = level.priority
      and r.visible_at <= now() and r.type = any ($3)
    limit 1
  ) first on true
  where first.is_due or not $11
  limit $12
) found
