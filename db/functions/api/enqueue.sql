-- Submits one job inside the caller's transaction and returns its id. For a known idempotency key, or
-- a unique job that exists, it returns the id of the existing job.
create or replace function djps.enqueue(
  type            text,
  payload         jsonb       default '{}',
  queue           text        default 'default',
  priority        integer     default 0,
  run_at          timestamptz default null,
  delay_ms        bigint      default null,
  max_attempts    integer     default 25,
  idempotency_key text        default null,
  key_lifetime_ms bigint      default null,
  tags            text[]      default null,
  metadata        jsonb       default null,
  retry           jsonb       default null,
  timeout_ms      integer     default null,
  finish_by       timestamptz default null,
  "unique"        jsonb       default null
) returns uuid
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  select m.id from djps.enqueue_many(jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
    'type', $1, 'queue', $3, 'priority', $4, 'run_at', $5, 'delay_ms', $6, 'max_attempts', $7,
    'idempotency_key', $8, 'key_lifetime_ms', $9, 'tags', $10, 'retry', $12,
    'timeout_ms', $13, 'finish_by', $14, 'unique', $15))
    -- Nulls inside these values are the caller's own.
    || jsonb_build_object('payload', coalesce($2, '{}'))
    || case when $11 is null then '{}' else jsonb_build_object('metadata', $11) end)) m;
$$;
