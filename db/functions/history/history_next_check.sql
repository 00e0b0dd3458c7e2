-- Returns when to look at a part again. A part whose jobs all stay for ever is due once a month.
create or replace function djps.history_next_check(p_live boolean, p_next_expiry timestamptz)
returns timestamptz
language sql volatile
as $$
  select case when p_live then clock_timestamp() + interval '1 day'
              else greatest(clock_timestamp() + interval '1 day',
                            least(p_next_expiry, clock_timestamp() + interval '30 days')) end;
$$;
