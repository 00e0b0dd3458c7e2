-- From now on this session hears what notify_workers says.
create or replace function djps.listen_for_work() returns boolean
language plpgsql volatile
as $$
begin
  listen djps_work;
  return true;
end
$$;
