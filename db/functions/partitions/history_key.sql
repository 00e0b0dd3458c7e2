-- Returns the column by which a table is partitioned: facts, outcomes or attempts.
create or replace function djps.history_key(p_parent text) returns text
language sql immutable strict parallel safe
as $$ select case p_parent when 'attempts' then 'job_id' else 'id' end $$;
