-- Says whether jobs of this queue may be claimed. The answer holds until the caller's transaction
-- ends, because a pause waits for it. The function is volatile, so that it reads the setting after
-- the lock was granted, not before.
create or replace function djps.queue_is_open(p_lane smallint, p_queue text) returns boolean
language plpgsql volatile
as $$
begin
  perform pg_advisory_xact_lock_shared(djps.queue_lock(p_queue));
  return not exists (
    select from djps.queues q
    where q.lane = p_lane and q.name = p_queue and q.paused_at is not null);
end
$$;
