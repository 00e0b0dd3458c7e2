-- Cancels a job inside the caller's transaction. Returns canceled (it waited), requested (it runs:
-- its worker is told), or the terminal status that it had already. Errors: DJ002.
create or replace function djps.cancel(job uuid, reason text default null) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_state text;
begin
  select c.state into v_state
  from djps.cancel_jobs(djps.lane_of(job), array[job], session_user, reason) c;
  if v_state is null then
    raise exception 'there is no job %', job using errcode = 'DJ002';
  end if;
  return v_state;
end
$$;
