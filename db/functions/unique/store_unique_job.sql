-- Stores one unique job. If another job has its place, unique.on_conflict says what happens to that
-- job.
--   {"fields": ["customer.id"], "key": "...", "queue": true, "period_ms": 60000,
--    "states": ["queued", "running", "failed"], "on_conflict": "existing"}
-- djps.unique_place says what this means.
create or replace function djps.store_unique_job(p_lane smallint, p_id uuid, j djps.new_job)
returns djps.submission
language plpgsql volatile
as $$
declare
  v_result   djps.submission;
  v_existing uuid;
  v_ready    djps.ready;
  v_fact     djps.facts;
  v_action   text := coalesce(j."unique" ->> 'on_conflict', 'existing');
begin
  select djps.take_unique(p_lane, u.hash, p_id, u.states, u.expires_at) into v_existing
  from djps.unique_place(j.type, coalesce(j.queue, 'default'), coalesce(j.payload, '{}'), j."unique",
                         clock_timestamp()) u;

  if v_existing is null then
    v_fact := djps.store_job(p_lane, p_id, j);
    return row(null, p_id, 'created', false, v_fact.run_at, v_fact.created_at)::djps.submission;
  end if;

  v_result := row(null, v_existing, 'existing', false, null, null)::djps.submission;
  select f.payload is distinct from coalesce(j.payload, '{}') into v_result.payload_differs
  from djps.facts f where f.id = v_existing and f.lane = p_lane;
  if v_action = 'existing' then
    return v_result;
  end if;
  select * into v_ready from djps.take_from_ready(p_lane, array[v_existing]);
  if v_ready.id is null then
    return v_result;                                   -- it runs already, with what it was given
  end if;
  update djps.facts f set payload = coalesce(j.payload, '{}')
  where f.id = v_existing and f.lane = p_lane;
  if v_action = 'reschedule' then
    v_ready.visible_at := greatest(
      clock_timestamp(),
      coalesce(j.run_at, clock_timestamp() + interval '1 millisecond' * j.delay_ms));
  end if;
  -- Never in the past: the claim cursor would miss it there.
  insert into djps.ready
    (id, visible_at, moved_at, finish_by, lane, priority, attempts, failed, queue, type)
  values (v_existing, greatest(v_ready.visible_at, clock_timestamp()), clock_timestamp(),
          v_ready.finish_by, p_lane, v_ready.priority, v_ready.attempts, v_ready.failed, v_ready.queue,
          v_ready.type)
  returning visible_at into v_result.run_at;
  v_result.outcome := case v_action when 'replace' then 'replaced' else 'rescheduled' end;
  return v_result;
end
$$;
