-- Subscribes this session to notify_workers.
create or replace function djps.listen_for_work() returns boolean
language plpgsql volatile
as $$
begin
  listen djps_work;
  return true;
end
$$;
