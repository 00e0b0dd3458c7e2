-- Sets how long the entries of the audit are kept; null: for ever. Returns whether this changed
-- anything. Errors: 22023 naming the argument.
create or replace function djps.set_audit_retention(p_keep interval, p_actor text default session_user)
returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_before interval;
begin
  if p_keep not between interval '1 day' and interval '3660 days' then
    raise exception 'p_keep must be from 1 day to 3660 days, got %', p_keep using errcode = '22023';
  end if;
  if octet_length(p_actor) > 255 then
    raise exception 'p_actor must be at most 255 bytes long' using errcode = '22023';
  end if;
  select r.keep into v_before from djps.audit_retention r for update;
  if v_before is not distinct from p_keep then
    return false;
  end if;
  update djps.audit_retention set keep = p_keep;
  insert into djps.audit (actor, action, target, detail)
  values (djps.actor(p_actor), 'retention', 'audit', jsonb_build_object(
    'before', coalesce(v_before::text, 'forever'), 'after', coalesce(p_keep::text, 'forever')));
  return true;
end
$$;
