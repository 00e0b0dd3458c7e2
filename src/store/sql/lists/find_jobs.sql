-- find_jobs(int2, uuid[], bool, bool, int4)
-- Finds jobs with all their fields, like find_job. Returns the first of the requested jobs until
-- their JSON and error texts have $5 bytes, and at least one.
--
-- $1 lane     int2
-- $2 ids      uuid[]
-- $3 payload  bool    false: null in its place
-- $4 brief    bool    true: null in place of every value that may be large, so that all jobs fit
-- $5 bytes    int4    > 0
-- Returns: id uuid, type text, queue text, payload jsonb, status text, priority int2, run_at timestamptz, attempts int2, max_attempts int2, idempotency_key text, created_at timestamptz, updated_at timestamptz, finished_at timestamptz, result jsonb, last_error jsonb, tags jsonb, metadata jsonb, retry jsonb, timeout_ms int4, finish_by timestamptz, cancel_requested bool, progress jsonb, place int4
-- The order is not defined. place: the position in $2, from 1; a missing id names no job.
--
-- The sizes are added up job by job, so that no value beyond the end is read. They are sizes of the
-- text. The stored size does not predict them: a megabyte of one letter is stored in 12 KB.
--
-- Locks: none. Index: primary keys, attempts_job_idx. Cost: O(ids), plus reading the values; a
-- running job also looks through the leases. Safe to repeat: yes.
with recursive page as (
  select 0 as place, 0::int8 as bytes
  union all
  select p.place + 1,
         p.bytes + case when $4 then 0 else coalesce((
           select coalesce(octet_length(f.metadata::text), 0)
             + case when $3 then octet_length(f.payload::text) else 0 end
             + coalesce((
                 select octet_length(o.result::text)
                 from djps.outcomes o
                 where o.id = f.id and o.lane = $1), 0)
             + coalesce((
                 select octet_length(a.message) + octet_length(a.detail)
                 from djps.attempts a
                 where a.job_id = f.id
                 order by a.ended_at desc
                 limit 1), 0)
           from djps.facts f
           where f.id = $2[p.place + 1] and f.lane = $1), 0) end
  from page p
  where p.place < cardinality($2) and p.bytes < $5
)

select j.id, j.type, j.queue,
       case when $3 and not $4 then j.payload else 'null'::jsonb end as payload,
       j.status::text as status, j.priority, j.run_at, j.attempts,
       j.max_attempts, j.idempotency_key, j.created_at, j.updated_at, j.finished_at,
       case when not $4 then j.result end as result,
       case when not $4 then j.last_error end as last_error,
       to_jsonb(j.tags) as tags,
       case when not $4 then j.metadata end as metadata,
       j.retry, j.timeout_ms, j.finish_by, j.cancel_requested, j.progress, page.place
from page
cross join lateral (
  select * from djps.job_details one where one.id = $2[page.place]
  offset 0  -- one after the other, never a join with all jobs, whatever the statistics say
) j
where page.place > 0
