-- Reads a submitted job that has passed djps.job_trouble. A null payload is kept; any other null
-- counts as missing. 34.0 is 34.
create or replace function djps.read_job(p_job jsonb) returns djps.new_job
language sql stable
as $$
  select j.type, p_job -> 'payload', j.queue, j.priority, j.run_at, j.delay_ms, j.max_attempts,
         j.idempotency_key, j.key_lifetime_ms, j.tags, j.metadata, jsonb_strip_nulls(j.retry),
         j.timeout_ms, j.finish_by, jsonb_strip_nulls(j."unique")
  from jsonb_populate_record(null::djps.new_job, p_job - 'payload' || coalesce(
    (select jsonb_object_agg(m.key, trunc(m.value::numeric))
     from jsonb_each(p_job - 'payload') m
     where jsonb_typeof(m.value) = 'number' and m.value::text like '%.%'), '{}')) j;
$$;
