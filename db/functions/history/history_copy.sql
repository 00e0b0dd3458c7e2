-- Copies those of these jobs that stay into the new tables.
create or replace function djps.history_copy(p_work djps.history_work, p_ids uuid[]) returns void
language plpgsql
as $$
declare
  v_parent text;
begin
  foreach v_parent in array array['facts', 'outcomes', 'attempts'] loop
    execute format('insert into djps.%1$I select r.* from djps.%2$I r
                    where r.%3$I = any ($1) and r.%3$I > %4$L and r.%3$I < %5$L',
                   v_parent || '_' || p_work.target, v_parent, djps.history_key(v_parent),
                   djps.day_floor(p_work.from_day), djps.day_floor(p_work.to_day)) using p_ids;
  end loop;
end
$$;
