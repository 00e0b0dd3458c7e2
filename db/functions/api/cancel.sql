-- Cancels a job inside the caller's transaction. Returns canceled (the job waited), requested (it
-- runs, and its worker is told), or the terminal status that the job had already. Errors: DJ002;
-- 22023 for a reason of more than 1,000 bytes.
create or replace function djps.cancel(job uuid, reason text default null) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_state text;
begin
  if octet_length(reason) > 1000 then
    raise exception 'reason must be at most 1000 bytes long, got %', octet_length(reason)
      using errcode = '22023';
  end if;
  select c.state into v_state
  from djps.cancel_jobs(djps.lane_of(job), array[job], session_user, reason) c;
  if v_state is null then
    raise exception 'there is no job %', job using errcode = 'DJ002';
  end if;
  return v_state;
end
$$;
