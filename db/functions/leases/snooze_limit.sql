-- A job can be snoozed this often; every later snooze is a failed attempt.
create or replace function djps.snooze_limit() returns smallint
language sql immutable parallel safe
as $$ select 1000::smallint $$;
