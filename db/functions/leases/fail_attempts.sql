-- Everything that happens when attempts have failed, for jobs just taken out of their leases: the
-- history row, then a place in the queue after the backoff, or the dead-letter queue, or the end as
-- canceled where that was asked for. Returns for each job what became of it.
--
-- The wait: `retry_after` of the failure, else the policy of the job, of the handler, of the type,
-- or the default, whichever there is first. A retry that would come after finish_by is none.
create or replace function djps.fail_attempts(p_lane smallint, p_failures djps.failed_attempt[])
returns table (job_id uuid, status djps.job_status, run_at timestamptz)
language sql volatile
as $$
  with failures as materialized (
    select x.*, f.queue, f.type, f.priority,
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
      (id, visible_at, moved_at, lane, priority, attempts, failed, queue, type)
    select job_id, due_at, clock_timestamp(), p_lane, priority, attempt, true, queue, type
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
