-- Says why no worker can take a job of this queue and type; null: one can. Call it only if the table
-- djps.workers exists. A worker that has not reported its queues or types may work on any.
create or replace function djps.worker_trouble(p_lane smallint, p_queue text, p_type text, out trouble text)
language plpgsql stable
as $$
begin
  select case when count(*) = 0 then 'no_worker'
              when not bool_or(live.handles) then 'unknown_type'
              when not bool_or(live.handles and live.free) then 'no_free_slot' end
  into trouble
  from (
    select w.types = '{}' or p_type = any (w.types) as handles,
           w.capacity is null or w.capacity > coalesce(w.running, (
             select coalesce(sum(cardinality(l.job_ids)), 0)
             from djps.leases l where l.lane = p_lane and l.worker = w.name)) as free
    from djps.workers w
    where w.last_seen_at > now() - interval '60 s'
      and (w.queues = '{}' or p_queue = any (w.queues))
  ) live;
end
$$;
