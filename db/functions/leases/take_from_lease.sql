-- THE FENCE. Takes jobs out of a lease that still holds. It locks the lease, removes the ids from it
-- (the last ids delete it), and returns the jobs that were in it, each with its attempt number. A
-- missing id was not held: its lease expired, was taken over, or the job was finished before. Every
-- write by a worker goes through here.
--
-- Locks: the lease row, until the caller's transaction ends. Heartbeats and rescue skip it meanwhile.
-- Time: clock_timestamp() after the lock was granted, so that a long wait cannot revive a dead lease.
create or replace function djps.take_from_lease(
  p_lane  smallint,
  p_lease uuid,
  p_jobs  uuid[]
) returns table (job_id uuid, attempt smallint, claimed_at timestamptz, worker text, canceled boolean)
language plpgsql volatile
as $$
declare
  v_lease         djps.leases;
  v_left_ids      uuid[]     := '{}';
  v_left_attempts smallint[] := '{}';
  v_all           boolean;
begin
  select * into v_lease from djps.leases l where l.lane = p_lane and l.id = p_lease for update;
  if not found or v_lease.expires_at <= clock_timestamp() then
    return;
  end if;

  -- Short jobs mostly end all together, in the order in which they were claimed.
  v_all := v_lease.job_ids = p_jobs;
  if not v_all then
    -- A join, because `any` would compare each id with each: for large leases the most expensive
    -- part.
    select coalesce(array_agg(held.id order by held.n), '{}'),
           coalesce(array_agg(held.attempt order by held.n), '{}')
    into v_left_ids, v_left_attempts
    from unnest(v_lease.job_ids, v_lease.attempts) with ordinality held (id, attempt, n)
    where not exists (select from unnest(p_jobs) done (id) where done.id = held.id);
  end if;

  if v_left_ids = '{}' then
    delete from djps.leases l where l.lane = p_lane and l.id = p_lease;
  else
    update djps.leases l set job_ids = v_left_ids, attempts = v_left_attempts
    where l.lane = p_lane and l.id = p_lease;
  end if;

  return query
    select held.id, held.attempt, v_lease.claimed_at, v_lease.worker,
           coalesce(held.id = any (v_lease.canceled), false)
    from unnest(v_lease.job_ids, v_lease.attempts) held (id, attempt)
    where v_all or exists (select from unnest(p_jobs) done (id) where done.id = held.id);
end
$$;
