-- Adds jobs to the entry of a bulk action: their ids in order, and their number to its count. p_was: the
-- status that they had. So the entry and its jobs commit together with the change of the jobs.
--
-- Locks: the entry, until the transaction ends. Cost: O(jobs). Errors: P0002 without such an entry.
create or replace function djps.note_bulk(p_audit bigint, p_was text, p_jobs uuid[]) returns void
language plpgsql volatile
as $$
declare
  v_place integer;
  v_jobs  uuid[] := array(select j from unnest(p_jobs) j order by j);
begin
  if p_jobs = '{}' then
    return;
  end if;
  select (a.detail ->> 'count')::integer into v_place from djps.audit a where a.id = p_audit for update;
  if v_place is null then
    raise exception 'the audit has no bulk action %', p_audit using errcode = 'P0002';
  end if;
  insert into djps.audit_jobs (audit_id, place, was, first_id, last_id, job_ids)
  values (p_audit, v_place, p_was, v_jobs[1], v_jobs[cardinality(v_jobs)], v_jobs);
  update djps.audit a
  set detail = jsonb_set(a.detail, '{count}', to_jsonb(v_place + cardinality(v_jobs)))
  where a.id = p_audit;
end
$$;
