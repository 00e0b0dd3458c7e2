-- Returns how many rows the planner expects from a query. It answers count(*) from the statistics in
-- microseconds, whatever the size. Callers must quote the values that they put into the query.
create or replace function djps.planned_rows(p_query text) returns bigint
language plpgsql volatile strict
as $$
declare
  v_plan json;
begin
  execute 'explain (format json) ' || p_query into v_plan;
  return (v_plan -> 0 -> 'Plan' ->> 'Plan Rows')::numeric::bigint;
end
$$;
