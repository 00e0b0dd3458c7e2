-- Returns how long jobs of a part may stay beyond their retention before the part is copied for their
-- sake: a week, or an eighth of the days that the part spans. So a part of many days is copied at
-- most about eight times while its jobs expire day by day.
create or replace function djps.history_slack(p_from_day date, p_to_day date) returns interval
language sql immutable strict parallel safe
as $$ select greatest(interval '7 days', interval '1 day' * (p_to_day - p_from_day) / 8) $$;
