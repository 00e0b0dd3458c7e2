-- Drops an unfinished copy. The old parts were in use all the time.
create or replace function djps.history_abandon(p_work djps.history_work) returns void
language plpgsql
as $$
declare
  v_parent text;
  v_suffix text;
begin
  if p_work.target is not null then
    foreach v_parent in array array['facts', 'outcomes', 'attempts'] loop
      foreach v_suffix in array p_work.sources loop
        execute format('drop trigger if exists djps_note_change on djps.%I', v_parent || '_' || v_suffix);
      end loop;
      execute format('drop table if exists djps.%I', v_parent || '_' || p_work.target);
    end loop;
  end if;
  delete from djps.history_changes;
  delete from djps.history_work;
end
$$;
