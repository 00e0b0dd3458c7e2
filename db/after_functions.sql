-- Triggers and the first partitions, which need the functions. `djps migrate up` runs this file after
-- the functions and the views, whenever its text has changed. Each statement may be repeated.
--
-- Locks: SHARE ROW EXCLUSIVE on facts for a moment, and those of djps.ensure_partitions.

-- For jobs without tags, Postgres does not call the function.
create or replace trigger facts_note_tags after insert on djps.facts
  for each row when (new.tags is not null) execute function djps.note_tags();
create or replace trigger facts_forget_tags after delete on djps.facts
  for each row when (old.tags is not null) execute function djps.note_tags();

select djps.ensure_partitions();
