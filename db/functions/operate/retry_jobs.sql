-- Makes jobs claimable at once. A waiting job becomes due now. An ended job (its status must be in
-- p_from) begins again from attempt 0 and keeps its history. Returns each of these jobs with the status
-- that it had. An ended job that is unique stays as it is if another job has its place: held_by.
-- p_audit: the entry of the bulk action that this is a part of; null: an entry for each job.
--
-- Locks: places of unique jobs, then rows of ready or outcomes, then the entry. Safe to repeat: yes.
create or replace function djps.retry_jobs(p_lane smallint, p_jobs uuid[], p_from djps.job_status[],
                                p_actor text, p_audit bigint default null)
returns table (job_id uuid, was djps.job_status, held_by uuid)
language sql volatile
as $$
  with refused as materialized (
    select * from djps.take_places(p_lane, p_jobs, p_from)
  ),

  -- Everything that locks a job reads this, so that the places are taken first.
  given as materialized (
    select id from unnest(p_jobs) id where id <> all (array(select r.job_id from refused r))
  ),

  taken as (
    select t.id, t.finish_by, t.attempts, t.failed, t.priority, t.queue, t.type
    from djps.take_from_ready(p_lane, array(
      select j.id from djps.jobs j
      where j.id = any (array(select g.id from given g))
        and j.status in ('queued', 'failed') and j.status = any (p_from))) t
  ),

  raised as (
    delete from djps.outcomes o
    where o.lane = p_lane and o.id = any (array(select g.id from given g)) and o.status = any (p_from)
    returning o.id, o.status, o.attempts, o.finished_at, o.result
  ),

  forgotten as (
    -- A deadline that has passed would end the job as dead again at once.
    update djps.facts f set finish_by = null
    from raised
    where f.id = raised.id and f.lane = p_lane and f.finish_by < clock_timestamp()
  ),

  -- The job may be snoozed as often as a new one.
  rested as (
    delete from djps.snoozes s using raised where s.job_id = raised.id and s.lane = p_lane
  ),

  placed as (
    insert into djps.ready
      (id, visible_at, moved_at, finish_by, lane, priority, attempts, failed, queue, type)
    select id, clock_timestamp(), clock_timestamp(), finish_by, p_lane, priority, attempts, failed,
           queue, type
    from taken
    union all
    select f.id, clock_timestamp(), clock_timestamp(),
           case when f.finish_by >= clock_timestamp() then f.finish_by end, p_lane, f.priority, 0, false,
           f.queue, f.type
    from raised
    join djps.facts f on f.id = raised.id and f.lane = p_lane
  ),

  changed as (
    select id, case when failed then 'failed' else 'queued' end::djps.job_status as was,
           jsonb_build_object('attempts', attempts) as before
    from taken
    union all
    select id, status, jsonb_build_object('attempts', attempts, 'finished_at', finished_at,
                                          'result', result)
    from raised
  ),

  noted as (
    insert into djps.audit (actor, action, target, detail)
    select p_actor, 'retry', id::text, jsonb_build_object('was', was, 'before', before) from changed
    where p_audit is null
  ),

  listed as materialized (
    select djps.note_bulk(p_audit, was::text, array_agg(id)) from changed
    where p_audit is not null group by was
  )

  -- The count makes the list run.
  select id, was, null::uuid from changed where (select count(*) from listed) >= 0
  union all
  select * from refused;
$$;
