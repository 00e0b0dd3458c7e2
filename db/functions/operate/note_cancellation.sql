-- Writes the cancellation of jobs into the audit: into the entry p_audit of a bulk action, or else one
-- entry for each job. p_was: waiting or running.
--
-- Locks: the entry p_audit; appends rows.
create or replace function djps.note_cancellation(p_jobs uuid[], p_was text, p_actor text, p_reason text,
                                       p_audit bigint)
returns void
language sql volatile
as $$
  select djps.note_bulk(p_audit, p_was, p_jobs) where p_audit is not null;
  insert into djps.audit (actor, action, target, detail)
  select p_actor, 'cancel', id::text,
         jsonb_strip_nulls(jsonb_build_object('was', p_was, 'reason', p_reason))
  from unnest(p_jobs) id
  where p_audit is null;
$$;
