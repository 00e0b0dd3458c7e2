-- Ends the job as succeeded, inside the caller's transaction. Errors: DJ001; 22023 for a result of
-- more than 1 MiB.
create or replace function djps.complete(job uuid, lease_token uuid, result jsonb default null) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_trouble text := djps.json_trouble(result, 1048576);
begin
  if v_trouble is not null then
    raise exception 'result %', v_trouble using errcode = '22023';
  end if;
  insert into djps.outcomes (id, finished_at, status, lane, attempts, result)
  select t.job_id, clock_timestamp(), 'succeeded', djps.lane_of(job), t.attempt, result
  from djps.take_from_lease(djps.lane_of(job), lease_token, array[job]) t;
  if not found then
    perform djps.raise_lease_lost(job, lease_token);
  end if;
end
$$;
