-- How often a job can be snoozed. Every later snooze is a failed attempt.
create or replace function djps.snooze_limit() returns smallint
language sql immutable parallel safe
as $$ select 1000::smallint $$;
