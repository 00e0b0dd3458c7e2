-- Replaces the old parts by the copies. Returns false if other transactions are in the way.
--
-- Locks: ACCESS EXCLUSIVE on facts, outcomes and attempts, for the time it takes to copy the last few
-- changes and to write to the catalogs. All readers and writers of jobs wait for it. So it waits only
-- briefly itself: lock_timeout is 100 ms for the first lock and 10 ms for the others.
create or replace function djps.history_swap(p_work djps.history_work) returns boolean
language plpgsql
as $$
declare
  v_any    boolean;
  v_parent text;
  v_suffix text;
  v_target text;
begin
  if djps.history_is_held(p_work)
     or not pg_try_advisory_xact_lock(hashtextextended('djps.ensure_partitions', 0)) then
    return false;
  end if;
  lock table only djps.facts in access exclusive mode;
  -- A transaction that took the others first now waits for facts, and would wait as long as we do.
  perform set_config('lock_timeout', '10ms', true);
  lock table only djps.outcomes, only djps.attempts in access exclusive mode;
  while djps.history_catch_up(p_work, 1000) > 0 loop
  end loop;
  execute format('select exists (select from djps.%I)', 'facts_' || p_work.target) into v_any;
  foreach v_parent in array array['facts', 'outcomes', 'attempts'] loop
    v_target := v_parent || '_' || p_work.target;
    foreach v_suffix in array p_work.sources loop
      execute format('alter table djps.%I detach partition djps.%I', v_parent, v_parent || '_' || v_suffix);
    end loop;
    if v_any then
      execute format('alter table djps.%I attach partition djps.%I for values from (%L) to (%L)',
                     v_parent, v_target, djps.day_floor(p_work.from_day),
                     djps.day_floor(p_work.to_day));
      execute format('alter table djps.%I drop constraint bounds', v_target);
    else
      execute format('drop table djps.%I', v_target);
    end if;
  end loop;
  delete from djps.history_parts p where p.suffix = any (p_work.sources);
  if v_any then
    insert into djps.history_parts (from_day, to_day, suffix, kept, check_at)
    values (p_work.from_day, p_work.to_day, p_work.target, p_work.seen - p_work.expired,
            djps.history_next_check(p_work, p_work.live, p_work.next_expiry));
  end if;
  update djps.history_work set phase = 'sweep', after_id = djps.day_floor(from_day);
  return true;
end
$$;
