-- Walks over the next p_rows jobs of the work in progress. It judges them, and in the phase copy it
-- copies the jobs that stay. At the end of the survey it decides whether the part goes now: if half
-- of its jobs may go, or if some could have gone a week ago (see history_slack).
create or replace function djps.history_walk(p_work djps.history_work, p_rows integer,
                                  out done text, out jobs bigint)
language plpgsql
as $$
declare
  v_until uuid := djps.day_floor(p_work.to_day);
  v_now   timestamptz := clock_timestamp();
  v_slack interval := djps.history_slack(p_work.from_day, p_work.to_day);
  v_ids   uuid[];
  v_stay  uuid[];
begin
  done := p_work.phase;
  execute format('select array_agg(c.id order by c.id) from (select f.id from djps.facts f
                  where f.id > %L and f.id < %L order by f.id limit %s) c',
                 p_work.after_id, v_until, p_rows) into v_ids;
  jobs := coalesce(cardinality(v_ids), 0);
  if jobs > 0 then
    select p_work.expired + count(*) filter (where j.expires_at <= v_now),
           p_work.live or bool_or(j.live),
           p_work.overdue or coalesce(bool_or(j.expires_at < v_now - v_slack), false),
           least(p_work.next_expiry, min(j.expires_at) filter (where j.expires_at > v_now)),
           array_agg(j.id) filter (where coalesce(j.expires_at, 'infinity') > v_now)
    into p_work.expired, p_work.live, p_work.overdue, p_work.next_expiry, v_stay
    from djps.history_judge(v_ids, p_work.after_id, v_until) j;
    if p_work.phase = 'copy' and v_stay is not null then
      perform djps.history_copy(p_work, v_stay);
    end if;
    update djps.history_work
    set after_id = v_ids[jobs], seen = p_work.seen + jobs, expired = p_work.expired,
        live = p_work.live, overdue = p_work.overdue, next_expiry = p_work.next_expiry;
  elsif p_work.phase = 'copy' then
    update djps.history_work set phase = 'swap';
  elsif p_work.seen = 0 or p_work.expired * 2 >= p_work.seen or p_work.overdue then
    perform djps.history_begin_copy(p_work);
    done := 'began';
  else
    update djps.history_parts
    set check_at = case when p_work.expired > 0 then v_now + v_slack / 7
                        else djps.history_next_check(p_work, p_work.live, p_work.next_expiry) end
    where from_day = p_work.from_day;
    delete from djps.history_work;
    done := 'left';
  end if;
end
$$;
