-- Says whether the queue has reached its limit of waiting jobs. Up to a limit of 1,000 the jobs are
-- counted each time. Counting to a larger limit would cost more than the submission. So each session
-- recounts once a second while there is room, and a queue may overshoot by a second's arrivals. The
-- setting djps.backlogs keeps, per queue, the limit and the time at which there was room.
create or replace function djps.queue_is_full(p_lane smallint, p_queue text, p_limit integer) returns boolean
language plpgsql volatile
as $$
declare
  v_now  double precision := extract(epoch from clock_timestamp());
  v_memo jsonb := coalesce(nullif(current_setting('djps.backlogs', true), ''), '{}');
begin
  if p_limit > 1000 and (v_memo #>> array[p_queue, '0'])::integer = p_limit
     and v_now - (v_memo #>> array[p_queue, '1'])::double precision between 0 and 1 then
    return false;
  end if;
  if (select count(*) >= p_limit
      from (select from djps.ready r where r.lane = p_lane and r.queue = p_queue limit p_limit) w) then
    return true;
  end if;
  if p_limit > 1000 then
    perform set_config('djps.backlogs', (v_memo || jsonb_build_object(
      p_queue, jsonb_build_array(p_limit, v_now)))::text, false);
  end if;
  return false;
end
$$;
