-- Trigger on facts: maintains djps.job_tags, which finds jobs by tag. It never runs for a job without
-- tags, because the triggers have a condition (db/after_functions.sql).
create or replace function djps.note_tags() returns trigger
language plpgsql volatile
as $$
begin
  if tg_op = 'DELETE' then
    delete from djps.job_tags t
    where t.lane = old.lane and t.tag = any (old.tags) and t.job_id = old.id;
  else
    insert into djps.job_tags (lane, tag, job_id)
    select new.lane, tag, new.id from unnest(new.tags) tag
    on conflict do nothing;
  end if;
  return null;
end
$$;
