-- list_priorities(int2, text)
-- The priority levels that have rows in a queue, due or not, ascending.
--
-- $1 lane   int2
-- $2 queue  text
-- Returns: priority int2
--
-- Locks: none. Index: ready_claim_key, one probe per level (a loose index scan), whatever the
-- number of rows. Safe to repeat: yes. Zero rows: the queue is empty.
with recursive level as (
  (
    select r.priority
    from djps.ready r
    where r.lane = $1 and r.queue = $2
    order by r.priority
    limit 1
  )
  union all
  select (
    select r.priority
    from djps.ready r
    where r.lane = $1 and r.queue = $2 and r.priority > level.priority
    order by r.priority
    limit 1
  )
  from level
  where level.priority is not null
)
select priority from level where priority is not null
