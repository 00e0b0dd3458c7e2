-- Estimates in how many milliseconds a job will start that has p_ahead others of its queue before it.
-- Null: no job of the queue has ended lately. The pace is taken from the latest 2,000 outcomes: those
-- of this queue that ended within the last minute.
--
-- Locks: none. Cost: at most 2,000 probes of facts.
create or replace function djps.estimate_wait(p_lane smallint, p_queue text, p_ahead bigint)
returns bigint
language sql volatile
as $$
  select case when count(*) > 0 then
    ((p_ahead + 1) * 1000
     * greatest(extract(epoch from clock_timestamp() - min(recent.finished_at))::double precision, 0.001)
     / count(*))::bigint end
  from (
    select o.id, o.finished_at from djps.outcomes o
    where o.lane = p_lane order by o.id desc limit 2000) recent
  cross join lateral (
    -- offset 0: one probe for each row, never a join with all facts.
    select f0.queue from djps.facts f0 where f0.id = recent.id and f0.lane = p_lane offset 0) f
  where f.queue = p_queue and recent.finished_at > clock_timestamp() - interval '1 minute';
$$;
