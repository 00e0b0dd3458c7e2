-- Returns when to look at a part again. A part whose jobs all stay for ever is due once a month. A
-- part of many days is looked at less often, because a look reads all of it.
create or replace function djps.history_next_check(p_work djps.history_work, p_live boolean,
                                        p_next_expiry timestamptz)
returns timestamptz
language sql volatile
as $$
  select case when p_live then p.soonest
              else greatest(p.soonest, least(p_next_expiry, clock_timestamp() + interval '30 days')) end
  from (select clock_timestamp() + djps.history_slack(p_work.from_day, p_work.to_day) / 7) p (soonest);
$$;
