-- list_queues(int2, text, text[], bool, int4, int4, int4)
-- Lists a page of the queues that have waiting or running jobs, or a setting, by name, each with its
-- counts.
--
-- $1 lane   int2
-- $2 after  text    only queues behind this name; '': from the first
-- $3 only   text[]  only these queues; {}: any
-- $4 empty  bool    those of $3 also where they have nothing; for one queue by name
-- $5 limit  int4    queues, at most
-- $6 bound  int4    the limit of exact counts: per queue for waiting jobs, in all for the others
-- $7 walk   int4    the page ends early after so many waiting jobs
-- Returns: queue text, queued int8, scheduled int8, failed int8, running int8, dead int8, oldest_due_at timestamptz, age_ms int8, exact bool, paused_at timestamptz, paused_by text, max_backlog int4, more bool
-- exact is false if a bound was reached. Then the count of waiting jobs is the planner's estimate,
-- and the others are counted up to the bound, newest first. more: queues follow the last row.
--
-- Locks: none. Index: ready_claim_key (names by a loose index scan), ready_moved_idx,
-- outcomes_unsuccessful_idx. Cost: O(limit + walk + bound), however many queues there are; the last
-- queue of a page may add 2 * bound to walk. Over HTTP, of 20,000 queues of one job: 100 of them in 9 to
-- 26 ms, 1,000 in 84 to 109 ms; the page that walk ends in 200 to 256 ms. Safe to repeat: yes.
-- offset 0: a probe for each row, never a join with all facts, whatever the statistics say.
with recursive waiting as (
  (select r.queue, 0 as n from djps.ready r
   where r.lane = $1 and r.queue > $2 and cardinality($3) = 0
   order by r.queue
   limit 1)
  union all
  select (select r.queue from djps.ready r
          where r.lane = $1 and r.queue > waiting.queue
          order by r.queue
          limit 1), waiting.n + 1
  from waiting
  where waiting.queue is not null and waiting.n < $5
),

moved as materialized (
  select r.queue, r.failed, r.visible_at <= now() as due
  from djps.ready r
  -- Does not name the lane, so that the planner cannot take ready_claim_key, which has all rows.
  where r.moved_at is not null and r.id > '00000000-0000-0000-0000-000000000000'
  order by r.id desc
  limit $6
),

held as materialized (
  select h.id
  from djps.leases l
  cross join lateral unnest(l.job_ids) as h (id)
  where l.lane = $1
  limit $6
),

buried as materialized (
  select o.id
  from djps.outcomes o
  where o.status <> 'succeeded' and o.status = 'dead' and o.lane = $1
  order by o.id desc
  limit $6
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
  where f.queue > $2 and (cardinality($3) = 0 or f.queue = any ($3))
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
  select waiting.queue from waiting where waiting.queue is not null
  union
  select o.name from unnest($3) as o (name)
  where o.name > $2 collate "C"
    and ($4 or exists (select from djps.ready r where r.lane = $1 and r.queue = o.name))
  union
  select running.queue from running
  union
  (select s.name from djps.queues s
   where s.lane = $1 and s.name > $2 and (cardinality($3) = 0 or s.name = any ($3))
   order by s.name
   limit $5 + 1)
  order by queue
  limit $5 + 1  -- one more shows that there are more
),

name as materialized (
  select array_agg(l.queue order by l.queue) as s from listed l
),

-- One queue after the other, until the page is full.
page as (
  select 1 as n, name.s[1] as queue, m.due, m.later, m.exact, m.oldest_due,
         least(m.due, $6) + least(m.later, $6) as walked
  from name
  cross join lateral djps.measure_queue($1, name.s[1], $6) m
  where name.s[1] is not null
  union all
  select page.n + 1, name.s[page.n + 1], m.due, m.later, m.exact, m.oldest_due,
         page.walked + least(m.due, $6) + least(m.later, $6)
  from page
  cross join name
  cross join lateral djps.measure_queue($1, name.s[page.n + 1], $6) m
  where page.n < least($5, cardinality(name.s)) and page.walked < $7
)

select m.queue,
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
       m.exact and (select count(*) from moved) < $6 and (select count(*) from held) < $6
         and (select count(*) from buried) < $6 as exact,
       s.paused_at, s.paused_by, s.max_backlog,
       m.n < (select cardinality(name.s) from name) as more
from page m
left join djps.queues s on s.lane = $1 and s.name = m.queue
left join failed f on f.queue = m.queue
left join running on running.queue = m.queue
left join dead on dead.queue = m.queue
order by m.queue
