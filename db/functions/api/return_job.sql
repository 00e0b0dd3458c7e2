-- Puts a job back. `p_delay` null: it is handed back; else it is a snooze. Errors: DJ001.
create or replace function djps.return_job(p_job uuid, p_lease uuid, p_delay interval) returns void
language plpgsql volatile
as $$
begin
  perform from djps.put_back(djps.lane_of(p_job), array(
    select row(t.job_id, t.attempt, t.claimed_at, t.worker, p_delay, null,
               t.canceled)::djps.returned_attempt
    from djps.take_from_lease(djps.lane_of(p_job), p_lease, array[p_job]) t));
  if not found then
    perform djps.raise_lease_lost(p_job, p_lease);
  end if;
end
$$;
