-- Ends the attempt as failed, inside the caller's transaction, and returns what became of the job:
-- failed (it will be retried), dead, or canceled where that was asked for. Errors: DJ001.
create or replace function djps.fail(job uuid, lease_token uuid, error_class text, message text default '',
                          detail text default '', retryable boolean default true,
                          retry_after interval default null)
returns djps.job_status
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_status djps.job_status;
begin
  select f.status into v_status
  from djps.fail_attempts(djps.lane_of(job), array(
    select row(t.job_id, t.attempt, t.claimed_at, t.worker, left(error_class, 200),
               left(message, 2000), left(detail, 8192), retryable,
               least(greatest(retry_after, interval '0'), interval '366 days'),
               null, t.canceled)::djps.failed_attempt
    from djps.take_from_lease(djps.lane_of(job), lease_token, array[job]) t)) f;
  if v_status is null then
    perform djps.raise_lease_lost(job, lease_token);
  end if;
  return v_status;
end
$$;
