-- Changes a waiting job; null leaves a value unchanged. changed is false, and nothing is changed, if the
-- job does not wait (it runs, has ended, or does not exist), or if it is unique and the job held_by has
-- the place of the new payload.
--
-- Locks: places of a unique job, then the row of ready and the fact. Errors: 40001 if a unique job was
-- changed or claimed at the same moment.
create or replace function djps.edit_job(p_lane smallint, p_job uuid, p_priority smallint, p_run_at timestamptz,
                              p_payload jsonb, p_max_attempts smallint, p_actor text,
                              out changed boolean, out held_by uuid)
language plpgsql volatile
as $$
declare
  v_ready  djps.ready;
  v_before jsonb;
  v_moved  boolean := false;
begin
  changed := false;
  if p_payload is not null then
    select m.moved, m.held_by into v_moved, held_by from djps.move_place(p_lane, p_job, p_payload) m;
    if held_by is not null then
      return;
    end if;
  end if;
  select * into v_ready from djps.take_from_ready(p_lane, array[p_job]);
  if v_ready.id is null then
    if v_moved then
      raise exception 'job % was claimed meanwhile', p_job using errcode = '40001';
    end if;
    return;
  end if;
  select jsonb_strip_nulls(jsonb_build_object(
           'priority', case when p_priority is not null then f.priority end,
           'run_at', case when p_run_at is not null then v_ready.visible_at end,
           'payload', case when p_payload is not null then djps.audited(f.payload) end,
           'max_attempts', case when p_max_attempts is not null then f.max_attempts end))
  into v_before
  from djps.facts f where f.id = p_job and f.lane = p_lane;

  update djps.facts f
  set priority = coalesce(p_priority, f.priority), payload = coalesce(p_payload, f.payload),
      max_attempts = least(1000, greatest(coalesce(p_max_attempts, f.max_attempts),
                                          v_ready.attempts + 1))
  where f.id = p_job and f.lane = p_lane;
  insert into djps.ready
    (id, visible_at, moved_at, finish_by, lane, priority, attempts, failed, queue, type)
  values (p_job, greatest(coalesce(p_run_at, v_ready.visible_at), clock_timestamp()),
          clock_timestamp(), v_ready.finish_by, p_lane, coalesce(p_priority, v_ready.priority),
          v_ready.attempts, v_ready.failed, v_ready.queue, v_ready.type);
  insert into djps.audit (actor, action, target, detail)
  values (p_actor, 'edit', p_job::text, jsonb_build_object(
            'before', v_before,
            'after', jsonb_strip_nulls(jsonb_build_object(
              'priority', p_priority, 'run_at', p_run_at, 'payload', djps.audited(p_payload),
              'max_attempts', p_max_attempts))));
  changed := true;
end
$$;
