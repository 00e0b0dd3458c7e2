-- list_running(int2, uuid, uuid, int4, text, text, timestamptz, timestamptz)
-- Lists a page of running jobs, the latest created first.
--
-- $1 lane           int2
-- $2 above          uuid         ids greater than this
-- $3 below          uuid         ids smaller than this
-- $4 limit          int4         jobs to find, at most
-- $5 type           text         '': any
-- $6 queue          text         '': any
-- $7 created_from   timestamptz  inclusive
-- $8 created_until  timestamptz  exclusive
-- Returns: id uuid, matched bool
--
-- Locks: none. Index: leases_expiry_idx, the primary key of facts. Cost: O(running jobs), at most the
-- slots of all workers. Safe to repeat: yes.
-- offset 0: a probe for each row, never a join with all facts, whatever the statistics say.
select w.id, true as matched
from (
  select held.id
  from djps.leases l
  cross join lateral unnest(l.job_ids) as held (id)
  where l.lane = $1 and held.id > $2 and held.id < $3
  order by held.id desc
) w
where exists (
  select from djps.facts f
  where f.id = w.id and f.lane = $1
    and ($5 = '' or f.type = $5) and ($6 = '' or f.queue = $6)
    and f.created_at >= $7 and f.created_at < $8
    offset 0)
limit $4
