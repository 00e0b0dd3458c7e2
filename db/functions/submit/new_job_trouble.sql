-- Says what is wrong with a job, as "field must be ..., got ..."; null: nothing.
create or replace function djps.new_job_trouble(j djps.new_job) returns text
language sql immutable
as $$
  select case
    when j.type is null then 'type is missing'
    when j.type !~ '^[A-Za-z0-9_.:/-]{1,128}$' then
      format('type must be 1 to 128 of A-Z a-z 0-9 _ . : / - , got %L', left(j.type, 64))
    when j.queue !~ '^[A-Za-z0-9_.:/-]{1,128}$' then
      format('queue must be 1 to 128 of A-Z a-z 0-9 _ . : / - , got %L', left(j.queue, 64))
    when octet_length(j.payload::text) > 1048576 * 2 then 'payload must be at most 1 MiB'
    when j.priority not between -32768 and 32767 then
      format('priority must be from -32768 to 32767, got %s', j.priority)
    when j.max_attempts not between 1 and 1000 then
      format('max_attempts must be from 1 to 1000, got %s', j.max_attempts)
    when j.delay_ms not between 0 and 31622400000 then
      format('delay_ms must be from 0 to 31622400000 (366 days), got %s', j.delay_ms)
    when j.delay_ms is not null and j.run_at is not null then
      'delay_ms and run_at exclude each other'
    when octet_length(j.idempotency_key) not between 1 and 255 then
      'idempotency_key must have 1 to 255 bytes'
    when j.key_lifetime_ms not between 1000 and 31622400000 then
      format('key_lifetime_ms must be from 1000 to 31622400000, got %s', j.key_lifetime_ms)
    when j.timeout_ms not between 1 and 2147483647 then
      format('timeout_ms must be from 1 to 2147483647, got %s', j.timeout_ms)
    when cardinality(j.tags) > 20 then format('tags may be at most 20, got %s', cardinality(j.tags))
    when exists (select from unnest(j.tags) t where t is null or octet_length(t) not between 1 and 128)
      then 'tags must have 1 to 128 bytes each'
    when octet_length(j.metadata::text) > 65536 then 'metadata must be at most 64 KiB'
    when jsonb_typeof(j.metadata) <> 'object' then 'metadata must be a JSON object'
    else djps.retry_trouble(j.retry)
  end;
$$;
