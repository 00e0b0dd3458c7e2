-- rescue_expired_leases(int2, interval, int4)
-- Ends the attempts under expired leases, as failures of the class lease_expired. A job is queued
-- again after the backoff. It is dead if that was the last attempt, or canceled if a cancellation was
-- requested. The failure's detail is the lease. Any node may run this at any time; each lease is
-- processed once.
--
-- $1 lane     int2
-- $2 within   interval  only those that expired within this; null: all. A new lease expires in the
--                       future, so frequent calls need not walk again over the deleted leases that
--                       a snapshot keeps from vacuum
-- $3 limit    int4      leases per call
-- Returns: id uuid, status text, worker text
--
-- Locks: the expired lease rows, skip locked: never waits, never passes a completion in progress.
-- Index: leases_expiry_idx. Cost: O(expired), plus dead index entries of that time.
-- Safe to repeat: yes. Zero rows: nothing had expired.
with expired as (
  delete from djps.leases
  where lane = $1
    and ctid = any (array(
      select l.ctid
      from djps.leases l
      where l.lane = $1 and l.expires_at >= coalesce(now() - $2, '-infinity') and l.expires_at <= now()
      order by l.expires_at
      limit $3
      for update skip locked
    ))
  returning id, worker, claimed_at, expires_at, job_ids, attempts, canceled
),

lost as materialized (
  select held.job_id, held.attempt, e.id as lease, e.worker, e.claimed_at, e.expires_at,
         coalesce(held.job_id = any (e.canceled), false) as canceled
  from expired e
  cross join lateral unnest(e.job_ids, e.attempts) as held (job_id, attempt)
)

select f.job_id as id, f.status::text as status, lost.worker
from djps.fail_attempts($1, array(
  select row(lost.job_id, lost.attempt, lost.claimed_at, lost.worker, 'lease_expired',
             format('the lease of worker %s expired at %s without a heartbeat; it may have died',
                    lost.worker, lost.expires_at),
             lost.lease::text, true, null, null, lost.canceled)::djps.failed_attempt
  from lost
)) f
join lost on lost.job_id = f.job_id
