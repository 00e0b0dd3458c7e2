-- Buries jobs that nobody started before their deadline, at most p_limit of them. The claim does
-- the same with those it comes upon; this finds the ones in queues that nobody works on.
create or replace function djps.bury_overdue(p_lane smallint, p_limit integer) returns table (job_id uuid)
language plpgsql volatile
as $$
begin
  return query
  with overdue as (
    select t.id, t.attempts
    from djps.take_from_ready(p_lane, array(
      select f.id from djps.facts f
      where f.lane = p_lane and f.finish_by <= now() and f.finish_by > now() - interval '1 day'
        and not exists (select from djps.outcomes o where o.id = f.id and o.lane = f.lane)
      order by f.finish_by
      limit p_limit)) t
  ),

  history as (
    insert into djps.attempts
      (job_id, started_at, ended_at, lane, attempt, error_class, message, detail, worker)
    select id, clock_timestamp(), clock_timestamp(), p_lane, attempts, 'deadline_exceeded',
           'no attempt could be started before finish_by', '', ''
    from overdue
  )

  insert into djps.outcomes (id, finished_at, status, lane, attempts)
  select id, clock_timestamp(), 'dead', p_lane, attempts from overdue
  returning id;
end
$$;
