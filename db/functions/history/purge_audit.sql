-- Deletes entries of the audit that are past their retention, the oldest first: at most p_limit of them,
-- and at most p_limit lists of jobs of bulk actions. Returns how many rows it deleted; 0: there is
-- nothing more to do.
--
-- Locks: the entries, skip locked. Index: the primary keys; ids are in the order of time. Cost: O(p_limit).
create or replace function djps.purge_audit(p_limit integer) returns bigint
language plpgsql volatile
as $$
declare
  v_old   bigint[];
  v_lists bigint;
  v_rows  bigint := 0;
begin
  v_old := array(
    select a.id from djps.audit a
    where a.id = any (array(
      select o.id from (select b.id, b.at from djps.audit b order by b.id limit p_limit) o
      where o.at < clock_timestamp() - (select r.keep from djps.audit_retention r)))
    for update skip locked);
  if v_old = '{}' then
    return 0;
  end if;
  delete from djps.audit_jobs p
  where p.ctid = any (array(
    select l.ctid from djps.audit_jobs l where l.audit_id = any (v_old) limit p_limit));
  get diagnostics v_lists = row_count;
  if v_lists < p_limit then
    delete from djps.audit a where a.id = any (v_old);
    get diagnostics v_rows = row_count;
  end if;
  return v_lists + v_rows;
end
$$;
