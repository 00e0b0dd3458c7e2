-- count_outcomes(int2, int4, int4)
-- Counts the jobs that have ended, in all and within the last minute.
--
-- $1 lane   int2
-- $2 bound  int4  what is counted exactly
-- $3 scan   int4  the latest outcomes to look at for the last minute
-- Returns: succeeded int8, canceled int8, dead int8, exact bool, recent_succeeded int8, recent_canceled int8, recent_dead int8, recent_ms int8
-- recent_ms is the time that the recent counts cover: a minute, or less if $3 outcomes ended in less.
--
-- Locks: none. Index: the primary key of outcomes, outcomes_unsuccessful_idx. Cost: O(bound + scan).
-- The latest outcomes are those of the jobs created last. A job that waited while `scan` younger jobs
-- ended is left out. Safe to repeat: yes.
with latest as materialized (
  select o.status, o.finished_at
  from djps.outcomes o
  where o.lane = $1
  order by o.id desc
  limit $3
),

recent as materialized (
  select count(*) filter (where l.status = 'succeeded') as succeeded,
         count(*) filter (where l.status = 'canceled') as canceled,
         count(*) filter (where l.status = 'dead') as dead,
         count(*) as n,
         min(l.finished_at) as since
  from latest l
  where l.finished_at > now() - interval '1 minute'
)

select m.succeeded, m.canceled, m.dead, m.exact,
       r.succeeded as recent_succeeded, r.canceled as recent_canceled, r.dead as recent_dead,
       case when r.n >= $3
            then greatest((extract(epoch from now() - r.since) * 1000)::int8, 1)
            else 60000::int8 end as recent_ms
from djps.measure_outcomes($1, $2) m
cross join recent r
