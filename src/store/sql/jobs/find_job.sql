-- find_job(uuid)
-- Finds one job with all its fields and, if an attempt failed, the latest error.
--
-- $1 id  uuid
-- Returns: id uuid, type text, queue text, payload jsonb, status text, priority int2, run_at timestamptz, attempts int2, max_attempts int2, idempotency_key text, created_at timestamptz, updated_at timestamptz, finished_at timestamptz, result jsonb, last_error jsonb, tags jsonb, metadata jsonb, retry jsonb, timeout_ms int4, finish_by timestamptz, cancel_requested bool, progress jsonb
-- progress: of the latest attempt; null if it wrote none.
--
-- Locks: none. Cost: a few index probes; a running job also looks through the leases.
-- Safe to repeat: yes. Zero rows: no such job.
select j.id, j.type, j.queue, j.payload, j.status::text as status, j.priority, j.run_at, j.attempts,
       j.max_attempts, j.idempotency_key, j.created_at, j.updated_at, j.finished_at, j.result,
       j.last_error, to_jsonb(j.tags) as tags, j.metadata, j.retry, j.timeout_ms, j.finish_by,
       j.cancel_requested, j.progress
from djps.job_details j
where j.id = $1
