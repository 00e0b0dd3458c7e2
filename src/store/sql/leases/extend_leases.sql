-- extend_leases(int2, uuid[], interval)
-- The heartbeat: one call for everything a worker holds. Leases that still hold are extended from
-- the moment of the call; which ones do not hold any more is the answer.
--
-- $1 lane      int2
-- $2 leases    uuid[]
-- $3 duration  interval  > 0
-- Returns: id uuid, expires_at timestamptz
-- A lease that is missing was lost: it expired or all its jobs are finished. One that is locked by a
-- completion in progress comes back with its old expiry; the next heartbeat will extend it.
--
-- Locks: the lease rows, skip locked: never waits. Index: the leases' primary key; with now() the
-- planner may take that of the expiry, which has all leases of the last seconds in it. Cost: O(leases),
-- whatever the number of jobs.
-- Safe to repeat: yes, a repeat only moves the expiry later.
with extended as (
  update djps.leases
  set expires_at = clock_timestamp() + $3
  where lane = $1
    and ctid = any (array(
      select l.ctid
      from djps.leases l
      where l.lane = $1 and l.id = any ($2) and l.expires_at > clock_timestamp()
      for update skip locked
    ))
  returning id, expires_at
)
select l.id, coalesce(e.expires_at, l.expires_at) as expires_at
from djps.leases l
left join extended e on e.id = l.id
where l.lane = $1 and l.id = any ($2) and (e.id is not null or l.expires_at > clock_timestamp())
