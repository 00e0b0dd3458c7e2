-- Trigger on the parts that are being copied: records which job changed, so that it is copied again.
-- Argument: facts, outcomes or attempts.
create or replace function djps.note_history_change() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_argv[0] = 'attempts' then
    insert into djps.history_changes values (case tg_op when 'DELETE' then old.job_id else new.job_id end);
  else
    insert into djps.history_changes values (case tg_op when 'DELETE' then old.id else new.id end);
  end if;
  return null;
end
$$;
