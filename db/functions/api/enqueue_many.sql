-- Submits jobs inside the caller's transaction: a JSON array of objects with the members of
-- djps.new_job. All or none. One row a job, in the order given.
--
-- Errors: 22023 saying which job and what is wrong with it; DJ003 when the queue of one of them is full.
create or replace function djps.enqueue_many(jobs jsonb)
returns table (id uuid, outcome text, payload_differs boolean, run_at timestamptz)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_jobs    djps.new_job[];
  v_full    djps.queues;
  v_n       bigint;
  v_trouble text;
begin
  if jsonb_typeof(jobs) is distinct from 'array' then
    raise exception 'jobs must be a JSON array' using errcode = '22023';
  end if;
  select format('jobs[%s] has an unknown member %s', e.n - 1, k.name) into v_trouble
  from jsonb_array_elements(jobs) with ordinality e (job, n)
  cross join lateral jsonb_object_keys(e.job) k (name)
  where k.name not in (select a.attname from pg_attribute a
                       where a.attrelid = 'djps.new_job'::regclass and a.attnum > 0)
  limit 1;
  if v_trouble is not null then
    raise exception '%', v_trouble using errcode = '22023';
  end if;
  v_jobs := array(
    select jsonb_populate_record(null::djps.new_job, e.job)
    from jsonb_array_elements(jobs) with ordinality e (job, n)
    order by e.n);
  select s.n - 1, coalesce(djps.new_job_trouble(v_jobs[s.n]),
                           djps.unique_trouble(v_jobs[s.n]."unique"))
  into v_n, v_trouble
  from generate_subscripts(v_jobs, 1) s (n)
  where coalesce(djps.new_job_trouble(v_jobs[s.n]),
                 djps.unique_trouble(v_jobs[s.n]."unique")) is not null
  limit 1;
  if v_trouble is not null then
    raise exception 'jobs[%]: %', v_n, v_trouble using errcode = '22023';
  end if;
  -- Where none of the queues has a limit this is one probe of the primary key.
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
  -- By default nobody is told, since NOTIFY makes commits wait for each other: workers find the job
  -- when they look next (poll_interval_max). With `set djps.notify = on` they hear of it at once.
  if current_setting('djps.notify', true) in ('on', 'true', '1') then
    perform djps.notify_workers(array(select coalesce(j.queue, 'default') from unnest(v_jobs) j));
  end if;
end
$$;
