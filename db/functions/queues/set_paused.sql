-- Pauses or resumes a queue. Once a pause is committed, no claim commits any more; running jobs keep
-- running. Returns whether this changed anything.
create or replace function djps.set_paused(p_lane smallint, p_queue text, p_paused boolean, p_actor text)
returns boolean
language plpgsql volatile
as $$
declare
  v_changed boolean;
begin
  perform pg_advisory_xact_lock(djps.queue_lock(p_queue));
  if p_paused then
    insert into djps.queues as q (lane, name, paused_at, paused_by)
    values (p_lane, p_queue, clock_timestamp(), p_actor)
    on conflict (lane, name) do update
    set paused_at = excluded.paused_at, paused_by = excluded.paused_by
    where q.paused_at is null;
  else
    update djps.queues q set paused_at = null, paused_by = null
    where q.lane = p_lane and q.name = p_queue and q.paused_at is not null;
  end if;
  v_changed := found;
  if v_changed then
    insert into djps.audit (actor, action, target)
    values (p_actor, case when p_paused then 'pause' else 'resume' end, p_queue);
  end if;
  return v_changed;
end
$$;
