-- Hands the job back for another worker to run at once. The attempt does not count. Errors: DJ001.
create or replace function djps.release(job uuid, lease_token uuid) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ select djps.return_job($1, $2, null); $$;
