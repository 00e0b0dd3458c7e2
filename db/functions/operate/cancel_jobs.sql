-- Cancels jobs. state is the result for each job: `canceled` (it waited, and has ended now),
-- `requested` (it runs, and its worker is told; it ends as canceled at the latest when its lease
-- expires), or the terminal status that it had already. A job that is not in the answer does not
-- exist. p_audit: the entry of the bulk action that this is a part of; null: an entry for each job.
--
-- Locks: rows of ready, then leases in the order of their ids, then the entry. Safe to repeat: yes.
create or replace function djps.cancel_jobs(p_lane smallint, p_jobs uuid[], p_actor text, p_reason text,
                                 p_audit bigint default null)
returns table (job_id uuid, state text)
language plpgsql volatile
as $$
declare
  v_left uuid[] := p_jobs;
  v_some uuid[];
begin
  -- Between one look and the next, a worker may claim the job, or the job may come back to the queue.
  for v_try in 1 .. 10 loop
    with taken as (
      select t.id, t.attempts from djps.take_from_ready(p_lane, v_left) t
    ),
    ended as (
      insert into djps.outcomes (id, finished_at, status, lane, attempts)
      select id, clock_timestamp(), 'canceled', p_lane, attempts from taken
      returning id
    )
    select coalesce(array_agg(id), '{}') into v_some from ended;
    perform djps.note_cancellation(v_some, 'waiting', p_actor, p_reason, p_audit);
    return query select id, 'canceled' from unnest(v_some) id;
    v_left := array(select unnest(v_left) except select unnest(v_some));

    perform from djps.leases l
    where l.lane = p_lane and l.job_ids && v_left
    order by l.id
    for update;
    with told as (
      update djps.leases l
      set canceled = array(select unnest(l.canceled)
                           union
                           select j from unnest(l.job_ids) j where j = any (v_left))
      where l.lane = p_lane and l.job_ids && v_left
      returning l.job_ids
    )
    select coalesce(array_agg(j), '{}') into v_some
    from told cross join unnest(told.job_ids) j
    where j = any (v_left);
    perform djps.note_cancellation(v_some, 'running', p_actor, p_reason, p_audit);
    return query select id, 'requested' from unnest(v_some) id;
    v_left := array(select unnest(v_left) except select unnest(v_some));

    return query
      select o.id, o.status::text from djps.outcomes o where o.lane = p_lane and o.id = any (v_left);
    v_left := array(
      select f.id from djps.facts f
      where f.lane = p_lane and f.id = any (v_left)
        and not exists (select from djps.outcomes o where o.id = f.id and o.lane = f.lane));
    exit when v_left = '{}';
  end loop;
end
$$;
