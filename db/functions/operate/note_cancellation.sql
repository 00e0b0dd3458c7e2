-- Writes the cancellation of jobs into the audit. p_was: waiting or running.
--
-- Locks: none; appends rows.
create or replace function djps.note_cancellation(p_jobs uuid[], p_was text, p_actor text, p_reason text)
returns void
language sql volatile
as $$
  insert into djps.audit (actor, action, target, detail)
  select p_actor, 'cancel', id::text,
         jsonb_strip_nulls(jsonb_build_object('was', p_was, 'reason', p_reason))
  from unnest(p_jobs) id;
$$;
