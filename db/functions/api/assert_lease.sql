-- Raises DJ001 unless the lease still holds the job. The lease stays held until the caller's
-- transaction ends. So the holder commits the writes of that transaction, or nobody does.
create or replace function djps.assert_lease(job uuid, lease_token uuid) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform from djps.leases l
  where l.lane = djps.lane_of(job) and l.id = lease_token and job = any (l.job_ids)
    and l.expires_at > clock_timestamp()
  for share;
  if not found then
    perform djps.raise_lease_lost(job, lease_token);
  end if;
end
$$;
