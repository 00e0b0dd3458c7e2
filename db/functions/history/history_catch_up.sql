-- Copies jobs again that changed since they were copied, at most p_rows changes. Returns how many.
create or replace function djps.history_catch_up(p_work djps.history_work, p_rows integer) returns bigint
language plpgsql
as $$
declare
  v_ids    uuid[];
  v_count  bigint;
  v_parent text;
begin
  with taken as (
    delete from djps.history_changes
    where ctid = any (array(select ctid from djps.history_changes limit p_rows))
    returning job_id
  )
  select array_agg(distinct job_id), count(*) into v_ids, v_count from taken;
  if v_count = 0 then
    return 0;
  end if;
  foreach v_parent in array array['facts', 'outcomes', 'attempts'] loop
    execute format('delete from djps.%I where %I = any ($1)', v_parent || '_' || p_work.target,
                   djps.history_key(v_parent)) using v_ids;
  end loop;
  perform djps.history_copy(p_work, array(
    select j.id from djps.history_judge(v_ids, djps.day_floor(p_work.from_day),
                                        djps.day_floor(p_work.to_day)) j
    where coalesce(j.expires_at, 'infinity') > clock_timestamp()));
  return v_count;
end
$$;
