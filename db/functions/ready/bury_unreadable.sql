-- Ends as dead those jobs of a claim that cannot be read. Their text would be larger than Postgres
-- can make, or their bytes are not what their type says. Returns the reason for each. A claim fails
-- for all of its jobs when it cannot read one of them; its caller then calls this function. The
-- parameters are those of claim_jobs.sql.
--
-- Locks: the rows of ready, skip locked. It reads each job in a subtransaction of its own.
create or replace function djps.bury_unreadable(
  p_lane       smallint,
  p_queue      text,
  p_types      text[],
  p_priorities smallint[],
  p_from_at    timestamptz[],
  p_from_id    uuid[],
  p_until      timestamptz[],
  p_limit      integer
) returns table (job_id uuid, reason text)
language plpgsql volatile
as $$
declare
  v_job    record;
  v_detail text;
begin
  for v_job in
    select due.*
    from unnest(p_priorities, p_from_at, p_from_id, p_until) as level (priority, from_at, from_id, until)
    cross join lateral (
      select r.ctid as tid, r.id, r.attempts
      from djps.ready r
      where r.lane = p_lane
        and r.queue = p_queue
        and r.priority = level.priority
        and (r.visible_at, r.id) >= (level.from_at, level.from_id)
        and r.visible_at <= least(now(), level.until)
        and r.type = any (p_types)
      order by r.visible_at, r.id
      limit p_limit
      for update skip locked
    ) due
    limit p_limit
  loop
    begin
      perform octet_length(f.payload::text), octet_length(f.metadata::text)
      from djps.facts f where f.id = v_job.id and f.lane = p_lane;
      perform octet_length(p.checkpoint::text)
      from djps.progress p where p.job_id = v_job.id and p.lane = p_lane;
      continue;
    exception when others then
      if left(sqlstate, 2) not in ('22', '54', 'XX') then
        raise;
      end if;
      get stacked diagnostics v_detail = pg_exception_detail;
      reason := format('it cannot be read: %s (SQLSTATE %s)', sqlerrm, sqlstate);
    end;
    job_id := v_job.id;
    delete from djps.ready r where r.ctid = v_job.tid and r.lane = p_lane;
    insert into djps.attempts
      (job_id, started_at, ended_at, lane, attempt, error_class, message, detail, worker)
    values (v_job.id, clock_timestamp(), clock_timestamp(), p_lane, v_job.attempts, 'unreadable', reason,
            v_detail, '');
    insert into djps.outcomes (id, finished_at, status, lane, attempts)
    values (v_job.id, clock_timestamp(), 'dead', p_lane, v_job.attempts);
    return next;
  end loop;
end
$$;
