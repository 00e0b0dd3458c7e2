-- find_due_work(int2, text[], text[], int4)
-- Of some kinds of work, which are due: asked on behalf of everybody who waits, so that a thousand
-- idle workers cost as much as one. The arrays are parallel: pairs of queue and type.
--
-- $1 lane    int2
-- $2 queues  text[]
-- $3 types   text[]
-- $4 limit   int4    counts no further than this in a queue
-- Returns: queue text, type text, due int4
-- Kinds of which nothing is due do not come back, nor those of paused queues. Jobs that another claim
-- has locked count as due.
--
-- Locks: none. Index: ready_claim_key, one probe per queue and priority level while a queue is
-- empty. Cost: O(queues + limit), plus due jobs of other types that are passed over.
-- Safe to repeat: yes.
select wanted.queue, due.type, count(*)::int4 as due
from (
  select d.queue, array_agg(d.type) as types
  from unnest($2, $3) as d (queue, type)
  where not exists (
    select from djps.queues q
    where q.lane = $1 and q.name = d.queue and q.paused_at is not null
  )
  group by d.queue
) wanted
cross join lateral (
  with recursive level as (
    (
      select r.priority
      from djps.ready r
      where r.lane = $1 and r.queue = wanted.queue
      order by r.priority
      limit 1
    )
    union all
    select (
      select r.priority
      from djps.ready r
      where r.lane = $1 and r.queue = wanted.queue and r.priority > level.priority
      order by r.priority
      limit 1
    )
    from level
    where level.priority is not null
  )
  select found.type
  from level
  cross join lateral (
    select r.type
    from djps.ready r
    where r.lane = $1
      and r.queue = wanted.queue
      and r.priority = level.priority
      and r.visible_at <= now()
      and r.type = any (wanted.types)
    order by r.visible_at, r.id
    limit $4
  ) found
  where level.priority is not null
  limit $4
) due
group by wanted.queue, due.type
