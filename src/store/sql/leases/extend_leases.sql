-- extend_leases(int2, uuid[], interval)
-- The heartbeat: one call for all leases of a worker. It extends the valid leases, counted from the
-- moment of the call. The answer shows which leases are lost.
--
-- $1 lane      int2
-- $2 leases    uuid[]
-- $3 duration  interval  > 0
-- Returns: id uuid, expires_at timestamptz
-- A missing lease was lost: it expired, or all its jobs are finished. A lease that a completion in
-- progress has locked returns with its old expiry; the next heartbeat extends it.
--
-- Locks: the lease rows, skip locked: never waits. Index: the primary key of leases. With now() the
-- planner might take the index of the expiry, which has all leases of the last seconds. Cost:
-- O(leases), whatever the number of jobs. Safe to repeat: yes, a repeat only moves the expiry later.
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
