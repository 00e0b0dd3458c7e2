-- Ends as dead the jobs whose deadline passed before a worker started them, at most p_limit. The
-- claim does the same with the overdue jobs that it meets. This function finds those in queues
-- without workers.
--
-- Locks: the rows, skip locked. Index: ready_finish_by_idx, which holds only waiting jobs. The scan
-- does not name the lane: with it the planner may walk all of ready_claim_key instead.
create or replace function djps.bury_overdue(p_lane smallint, p_limit integer) returns table (job_id uuid)
language plpgsql volatile
as $$
begin
  return query
  with overdue as (
    delete from djps.ready r
    where r.lane = p_lane
      and r.ctid = any (array(
        select d.ctid from djps.ready d
        where d.finish_by <= now()
        order by d.finish_by
        limit p_limit
        for update skip locked))
    returning r.id, r.attempts
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
