-- Ends the attempt as failed, inside the caller's transaction. Returns the job's new status: failed
-- (it will be retried), dead, or, if a cancellation was requested, canceled. It cuts the message to
-- 2,000 bytes and the detail to 8 KiB.
--
-- Errors: DJ001; 22023 for an error_class without 1 to 200 bytes, or a retry_after not from 0 to 366 days.
create or replace function djps.fail(job uuid, lease_token uuid, error_class text, message text default '',
                          detail text default '', retryable boolean default true,
                          retry_after interval default null)
returns djps.job_status
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_status djps.job_status;
begin
  if coalesce(octet_length(error_class), 0) not between 1 and 200 then
    raise exception 'error_class must have 1 to 200 bytes, got %', coalesce(octet_length(error_class), 0)
      using errcode = '22023';
  end if;
  if retry_after not between interval '0' and interval '366 days' then
    raise exception 'retry_after must be from 0 to 366 days, got %', retry_after using errcode = '22023';
  end if;
  select f.status into v_status
  from djps.fail_attempts(djps.lane_of(job), array(
    select row(t.job_id, t.attempt, t.claimed_at, t.worker, error_class,
               djps.head_bytes(coalesce(message, ''), 2000), djps.head_bytes(coalesce(detail, ''), 8192),
               coalesce(retryable, true), retry_after, null, t.canceled)::djps.failed_attempt
    from djps.take_from_lease(djps.lane_of(job), lease_token, array[job]) t)) f;
  if v_status is null then
    perform djps.raise_lease_lost(job, lease_token);
  end if;
  return v_status;
end
$$;
