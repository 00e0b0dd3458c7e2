-- Processes failed attempts of jobs just taken out of their leases. It writes the history row. Then
-- it puts the job into the queue after its backoff, or ends it as dead, or ends it as canceled if a
-- cancellation was requested. Returns the new state of each job.
--
-- The wait is the first of these that exists: `retry_after` of the failure, the policy of the job, of
-- the handler, of the type, the default. No retry is made after finish_by.
create or replace function djps.fail_attempts(p_lane smallint, p_failures djps.failed_attempt[])
returns table (job_id uuid, status djps.job_status, run_at timestamptz)
language sql volatile
as $$
  with failures as materialized (
    select x.*, f.queue, f.type, f.priority, f.finish_by,
           not coalesce(x.canceled, false) and x.retryable and x.attempt < f.max_attempts
             and (f.finish_by is null or due.at < f.finish_by) as again,
           due.at as due_at
    from unnest(p_failures) x
    join djps.facts f on f.id = x.job_id and f.lane = p_lane
    left join djps.retry_policies t on t.type = f.type
    cross join lateral (
      select clock_timestamp() + coalesce(
        x.retry_after, djps.retry_delay(coalesce(f.retry, x.policy, t.policy), x.attempt)) as at
    ) due
  ),

  history as (
    insert into djps.attempts
      (job_id, started_at, ended_at, lane, attempt, error_class, message, detail, worker)
    select job_id, started_at, clock_timestamp(), p_lane, attempt, error_class, message, detail, worker
    from failures
  ),

  retried as (
    insert into djps.ready
      (id, visible_at, moved_at, finish_by, lane, priority, attempts, failed, queue, type)
    select job_id, due_at, clock_timestamp(), finish_by, p_lane, priority, attempt, true, queue, type
    from failures
    where again
    returning id, visible_at
  ),

  ended as (
    insert into djps.outcomes (id, finished_at, status, lane, attempts)
    select job_id, clock_timestamp(),
           case when canceled then 'canceled' else 'dead' end::djps.job_status, p_lane, attempt
    from failures
    where not again
    returning id, status
  )

  select id, 'failed'::djps.job_status, visible_at from retried
  union all
  select id, ended.status, null from ended;
$$;
