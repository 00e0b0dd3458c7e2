-- list_queues(int2, text, text, int4, int4)
-- Lists the queues that have waiting or running jobs, or a setting, each with its counts. If $2 and
-- $3 are the same name, it returns that queue in any case.
--
-- $1 lane   int2
-- $2 first  text  no queue before this one; '': from the first
-- $3 last   text  no queue after this one
-- $4 bound  int4  the limit of exact counts: per queue for waiting jobs, in all for the others
-- $5 limit  int4  queues, at most
-- Returns: queue text, queued int8, scheduled int8, failed int8, running int8, dead int8, oldest_due_at timestamptz, age_ms int8, exact bool, paused_at timestamptz, paused_by text, max_backlog int4
-- exact is false if a bound was reached. Then the count of waiting jobs is the planner's estimate,
-- and the others are counted up to the bound, newest first.
--
-- Locks: none. Index: ready_claim_key (names by a loose index scan), ready_moved_idx,
-- outcomes_unsuccessful_idx. Cost: O(queues * bound). Safe to repeat: yes.
-- offset 0: a probe for each row, never a join with all facts, whatever the statistics say.
with recursive name as (
  (select r.queue from djps.ready r
   where r.lane = $1 and r.queue >= $2 and r.queue <= $3
   order by r.queue
   limit 1)
  union all
  select (select r.queue from djps.ready r
          where r.lane = $1 and r.queue > name.queue and r.queue <= $3
          order by r.queue
          limit 1)
  from name
  where name.queue is not null
),

moved as materialized (
  select r.queue, r.failed, r.visible_at <= now() as due
  from djps.ready r
  -- Does not name the lane, so that the planner cannot take ready_claim_key, which has all rows.
  where r.moved_at is not null and r.id > '00000000-0000-0000-0000-000000000000'
  order by r.id desc
  limit $4
),

held as materialized (
  select h.id
  from djps.leases l
  cross join lateral unnest(l.job_ids) as h (id)
  where l.lane = $1
  limit $4
),

buried as materialized (
  select o.id
  from djps.outcomes o
  where o.status <> 'succeeded' and o.status = 'dead' and o.lane = $1
  order by o.id desc
  limit $4
),

failed as (
  select m.queue, count(*) filter (where m.due) as due, count(*) filter (where not m.due) as later
  from moved m
  where m.failed
  group by m.queue
),

running as materialized (
  select f.queue, count(*) as n
  from held h
  cross join lateral (
    select f0.queue from djps.facts f0 where f0.id = h.id and f0.lane = $1 offset 0) f
  where f.queue >= $2 and f.queue <= $3
  group by f.queue
),

dead as (
  select f.queue, count(*) as n
  from buried b
  cross join lateral (
    select f0.queue from djps.facts f0 where f0.id = b.id and f0.lane = $1 offset 0) f
  group by f.queue
),

listed as (
  select name.queue from name where name.queue is not null
  union
  select running.queue from running
  union
  select s.name from djps.queues s where s.lane = $1 and s.name >= $2 and s.name <= $3
  union
  select $2 where $2 = $3
  order by queue
  limit $5
)

select q.queue,
       greatest(m.due - coalesce(f.due, 0), 0) as queued,
       greatest(m.later - coalesce(f.later, 0), 0) as scheduled,
       coalesce(f.due + f.later, 0) as failed,
       coalesce(running.n, 0) as running,
       coalesce(dead.n, 0) as dead,
       m.oldest_due as oldest_due_at,
       -- Of epochs, which may be infinite, as a row may be.
       case when m.oldest_due is not null
            then least(greatest((extract(epoch from now()) - extract(epoch from m.oldest_due)) * 1000,
                                0), 9007199254740991)::int8
       end as age_ms,
       m.exact and (select count(*) from moved) < $4 and (select count(*) from held) < $4
         and (select count(*) from buried) < $4 as exact,
       s.paused_at, s.paused_by, s.max_backlog
from listed q
left join djps.queues s on s.lane = $1 and s.name = q.queue
cross join lateral djps.measure_queue($1, q.queue, $4) m
left join failed f on f.queue = q.queue
left join running on running.queue = q.queue
left join dead on dead.queue = q.queue
order by q.queue
