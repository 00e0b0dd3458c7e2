-- Puts the job back for `delay`, inside the caller's transaction. The attempt does not count. If the
-- job was already snoozed djps.snooze_limit() times, this is a failed attempt of the class
-- snooze_limit. Errors: DJ001; 22023 for a delay that is not from 0 to 366 days.
create or replace function djps.snooze(job uuid, lease_token uuid, delay interval) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if delay is null or delay < interval '0' or delay > interval '366 days' then
    raise exception 'delay must be from 0 to 366 days, got %', delay using errcode = '22023';
  end if;
  perform djps.return_job(job, lease_token, delay);
end
$$;
