-- return_leases(int2, uuid[])
-- Gives back all jobs claimed under these leases, with the attempts not counted. For a claimer that
-- started none of them, because the answer to its claim was lost or came too late. This includes
-- expired leases that no process has rescued yet.
--
-- A lease that does not exist gets an empty row for a minute, twice as long as a claim may take. A
-- claim still in progress then fails on the primary key, so it cannot create that lease later.
--
-- $1 lane    int2
-- $2 leases  uuid[]
-- Returns: id uuid
-- Returns only the jobs that were held. A job whose cancellation was requested has ended as canceled.
--
-- Locks: the lease rows, in the order of their ids; waits for a claim in progress until its commit is
-- visible. Index: the primary key of leases. Cost: O(jobs). Safe to repeat: yes.
with renewed as (
  insert into djps.leases as l (id, expires_at, claimed_at, lane, worker, job_ids, attempts)
  select asked.lease, clock_timestamp() + interval '1 min', clock_timestamp(), $1, '', '{}', '{}'
  from unnest($2) as asked (lease)
  order by asked.lease
  on conflict (id, lane) do update set expires_at = excluded.expires_at
  returning l.id, l.job_ids
),

taken as materialized (
  select h.job_id, h.attempt, h.claimed_at, h.worker, h.canceled
  from renewed
  cross join lateral djps.take_from_lease($1, renewed.id, renewed.job_ids) h
  where renewed.job_ids <> '{}'
)

select p.job_id as id
from djps.put_back($1, array(
  select row(t.job_id, t.attempt, t.claimed_at, t.worker, null, null,
             t.canceled)::djps.returned_attempt
  from taken t
)) p
