-- Stores one checked job. The caller has reserved its key and taken its place, if it has them.
create or replace function djps.store_job(p_lane smallint, p_id uuid, j djps.new_job) returns djps.facts
language sql volatile
as $$
  with fact as (
    insert into djps.facts
      (id, created_at, run_at, lane, priority, max_attempts, queue, type, idempotency_key, payload,
       timeout_ms, finish_by, retry, tags, metadata, "unique")
    values
      (p_id, clock_timestamp(),
       greatest(clock_timestamp(),
                coalesce(j.run_at, clock_timestamp() + interval '1 millisecond' * j.delay_ms)),
       p_lane, coalesce(j.priority, 0), coalesce(j.max_attempts, 25), coalesce(j.queue, 'default'),
       j.type, j.idempotency_key, coalesce(j.payload, '{}'), j.timeout_ms, j.finish_by, j.retry,
       nullif(j.tags, '{}'), j.metadata, j."unique")
    returning *
  ),

  place as (
    insert into djps.ready (id, visible_at, finish_by, lane, priority, attempts, failed, queue, type)
    select id, run_at, finish_by, lane, priority, 0, false, queue, type from fact
  )

  select * from fact;
$$;
