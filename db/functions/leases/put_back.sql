-- Puts jobs just taken out of their leases back into the queue. The attempt does not count. Jobs
-- whose cancellation was requested end here instead. A snooze beyond the limit is a failed attempt;
-- run_at is null for jobs that die of it.
create or replace function djps.put_back(p_lane smallint, p_returned djps.returned_attempt[])
returns table (job_id uuid, run_at timestamptz)
language sql volatile
as $$
  with given as materialized (
    select * from unnest(p_returned)
  ),

  counted as (
    insert into djps.snoozes as s (job_id, lane, count)
    select job_id, p_lane, 1 from given where delay is not null and not canceled
    on conflict (job_id, lane) do update set count = s.count + 1
    where s.count < djps.snooze_limit()
    returning job_id
  ),

  ended as (
    insert into djps.outcomes (id, finished_at, status, lane, attempts)
    select job_id, clock_timestamp(), 'canceled', p_lane, attempt
    from given
    where canceled
    returning id, finished_at
  ),

  placed as (
    insert into djps.ready
      (id, visible_at, moved_at, finish_by, lane, priority, attempts, failed, queue, type)
    select g.job_id, clock_timestamp() + coalesce(g.delay, interval '0'), clock_timestamp(),
           f.finish_by, p_lane, f.priority, (g.attempt - 1)::smallint, false, f.queue, f.type
    from given g
    join djps.facts f on f.id = g.job_id and f.lane = p_lane
    where not g.canceled
      and (g.delay is null or exists (select from counted c where c.job_id = g.job_id))
    returning id, visible_at
  ),

  -- Without such jobs there is no row, so that no function is called.
  refused as (
    select array_agg(
             row(g.job_id, g.attempt, g.started_at, g.worker, 'snooze_limit',
                 format('the job was snoozed %s times, which is the most; this attempt counts as failed',
                        djps.snooze_limit()),
                 '', true, null, g.policy, false)::djps.failed_attempt) as failures
    from given g
    where g.delay is not null and not g.canceled
      and not exists (select from counted c where c.job_id = g.job_id)
    having count(*) > 0
  )

  select id, visible_at from placed
  union all
  select id, finished_at from ended
  union all
  select f.job_id, f.run_at
  from refused cross join lateral djps.fail_attempts(p_lane, refused.failures) f;
$$;
