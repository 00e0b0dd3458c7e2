-- Sets how long jobs that ended as p_status are kept. p_inherit: as the jobs of all queues. It drops
-- a copy that was made by the old rule. Returns whether this changed anything. Errors: 22023 naming
-- the argument.
create or replace function djps.set_retention(p_queue text, p_status djps.job_status, p_keep interval,
                                   p_inherit boolean default false,
                                   p_actor text default session_user)
returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_before djps.retention;
begin
  if p_queue = '*' and p_inherit then
    raise exception 'queue * has nothing to inherit from' using errcode = '22023';
  end if;
  if p_queue <> '*' and djps.name_trouble(to_jsonb(p_queue)) is not null then
    raise exception 'p_queue %', djps.name_trouble(to_jsonb(p_queue)) using errcode = '22023';
  end if;
  if p_keep not between interval '1 hour' and interval '3660 days' then
    raise exception 'p_keep must be from 1 hour to 3660 days, got %', p_keep using errcode = '22023';
  end if;
  if octet_length(p_actor) > 255 then
    raise exception 'p_actor must be at most 255 bytes long' using errcode = '22023';
  end if;
  -- Meanwhile no step may begin or continue by the old rule.
  perform pg_advisory_xact_lock(hashtextextended('djps.history', 0));
  select * into v_before from djps.retention r
  where r.queue = p_queue and r.status = p_status for update;
  if (p_inherit and v_before.queue is null)
     or (not p_inherit and v_before.queue is not null and v_before.keep is not distinct from p_keep)
  then
    return false;
  end if;
  if p_inherit then
    delete from djps.retention r where r.queue = p_queue and r.status = p_status;
  else
    insert into djps.retention as r (queue, status, keep) values (p_queue, p_status, p_keep)
    on conflict (queue, status) do update set keep = excluded.keep;
  end if;
  update djps.history_parts set check_at = null where check_at is not null;
  update djps.history_work set phase = 'abandon' where phase in ('survey', 'copy', 'swap');
  insert into djps.audit (actor, action, target, detail)
  values (djps.actor(p_actor), 'retention', p_queue, jsonb_build_object(
    'status', p_status,
    'before', case when v_before.queue is null then '"inherit"'
                   else coalesce(to_jsonb(v_before.keep::text), '"forever"') end,
    'after', case when p_inherit then '"inherit"'
                  else coalesce(to_jsonb(p_keep::text), '"forever"') end));
  return true;
end
$$;
