-- Begins to copy the jobs that stay. It includes older kept parts that are not much larger. So there
-- are only a few of them: their number grows with the logarithm of the kept jobs.
create or replace function djps.history_begin_copy(p_work djps.history_work) returns void
language plpgsql
as $$
declare
  v_kept   bigint := p_work.seen - p_work.expired;
  v_target text := 'k' || nextval('djps.history_generation');
  v_part   djps.history_parts;
  v_parent text;
  v_key    text;
  v_suffix text;
begin
  while v_kept > 0 loop
    select * into v_part from djps.history_parts p
    where p.from_day < p_work.from_day order by p.from_day desc limit 1;
    exit when not found or v_part.kept is null or v_part.kept > 2 * v_kept + 10000;
    -- Stray rows in the gap between the two parts belong to the default partition.
    exit when exists (select from djps.facts_default f where f.id >= djps.day_floor(v_part.to_day)
                        and f.id < djps.day_floor(p_work.from_day))
           or exists (select from djps.outcomes_default o where o.id >= djps.day_floor(v_part.to_day)
                        and o.id < djps.day_floor(p_work.from_day))
           or exists (select from djps.attempts_default a where a.job_id >= djps.day_floor(v_part.to_day)
                        and a.job_id < djps.day_floor(p_work.from_day));
    p_work.from_day := v_part.from_day;
    p_work.sources := v_part.suffix || p_work.sources;
    v_kept := v_kept + v_part.kept;
  end loop;

  delete from djps.history_changes;
  foreach v_parent in array array['facts', 'outcomes', 'attempts'] loop
    v_key := djps.history_key(v_parent);
    execute format('create table djps.%I (like djps.%I including defaults including constraints
                    including indexes)', v_parent || '_' || v_target, v_parent);
    execute format('alter table djps.%I add constraint bounds check (%I >= %L and %I < %L)',
                   v_parent || '_' || v_target, v_key, djps.day_floor(p_work.from_day),
                   v_key, djps.day_floor(p_work.to_day));
    perform djps.set_history_options(v_parent || '_' || v_target, true);
    foreach v_suffix in array p_work.sources loop
      execute format('create trigger djps_note_change after insert or update or delete on djps.%I
                      for each row execute function djps.note_history_change(%L)',
                     v_parent || '_' || v_suffix, v_parent);
    end loop;
  end loop;
  update djps.history_work
  set phase = 'copy', from_day = p_work.from_day, sources = p_work.sources, target = v_target,
      after_id = djps.day_floor(p_work.from_day), seen = 0, expired = 0, live = false,
      next_expiry = null;
end
$$;
