-- Submits jobs inside the caller's transaction, all or none: a JSON array of objects with the members
-- of djps.new_job. Returns one row for each job, in the given order.
--
-- Errors: 22023 names the job and its member ("jobs[1].priority must be ..."), or the number of jobs
-- if they are more than 10,000. DJ003: the queue of one of the jobs is full.
create or replace function djps.enqueue_many(jobs jsonb)
returns table (id uuid, outcome text, payload_differs boolean, run_at timestamptz)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_jobs    djps.new_job[];
  v_full    djps.queues;
  v_trouble text;
begin
  if jsonb_typeof(jobs) is distinct from 'array' then
    raise exception 'jobs must be a JSON array' using errcode = '22023';
  end if;
  if jsonb_array_length(jobs) > 10000 then
    raise exception 'jobs must hold at most 10000 jobs, got %; call enqueue_many several times, in '
      'one transaction to store all or none', jsonb_array_length(jobs)
      using errcode = '22023';
  end if;
  select format(case when jsonb_typeof(e.job) = 'object' then 'jobs[%s].%s' else 'jobs[%s] %s' end,
                e.n - 1, t.trouble)
  into v_trouble
  from jsonb_array_elements(jobs) with ordinality e (job, n)
  cross join lateral djps.job_trouble(e.job) t (trouble)
  where t.trouble is not null
  order by e.n
  limit 1;
  if v_trouble is not null then
    raise exception '%', v_trouble using errcode = '22023';
  end if;
  v_jobs := array(
    select djps.read_job(e.job)
    from jsonb_array_elements(jobs) with ordinality e (job, n)
    order by e.n);
  -- If none of the queues has a limit, this is one probe of the primary key.
  select q.* into v_full from djps.queues q
  where q.lane = 0::smallint and q.max_backlog is not null
    and q.name = any (array(select coalesce(j.queue, 'default') from unnest(v_jobs) j))
    and djps.queue_is_full(q.lane, q.name, q.max_backlog)
  limit 1;
  if found then
    raise exception 'the queue % has % jobs waiting, which is its limit', v_full.name,
      v_full.max_backlog
      using errcode = 'DJ003',
            hint = 'Nothing was stored. Try again when workers have taken some, or raise its limit.';
  end if;
  return query
    select s.id, s.outcome, s.payload_differs, s.run_at
    from djps.store_jobs(0::smallint,
                         array(select djps.new_job_id() from generate_subscripts(v_jobs, 1)),
                         v_jobs) s
    order by s.n;
  -- By default no worker is notified, since NOTIFY makes commits wait for each other. Workers find
  -- the job at their next look (poll_interval_max). With `set djps.notify = on` they hear of it at
  -- once.
  if current_setting('djps.notify', true) in ('on', 'true', '1') then
    perform djps.notify_workers(array(select coalesce(j.queue, 'default') from unnest(v_jobs) j));
  end if;
end
$$;
