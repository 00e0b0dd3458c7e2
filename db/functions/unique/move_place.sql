-- Gives a unique job the place of a new payload and frees its old one. moved: it needs another place
-- and has it. held_by: another job has that place, and nothing was changed. Jobs that are not unique,
-- do not wait, or keep their place need nothing.
--
-- Locks: both places, in the order of their hashes, before the caller locks the job. Errors: 40001 if
-- the payload was changed meanwhile.
create or replace function djps.move_place(p_lane smallint, p_job uuid, p_payload jsonb,
                                           out moved boolean, out held_by uuid)
language plpgsql volatile
as $$
declare
  v_place record;
begin
  moved := false;
  select f.payload, djps.unique_hash(f.type, f.queue, f.payload, f."unique") as old_hash, u.*
  into v_place
  from djps.facts f
  cross join lateral djps.unique_place(f.type, f.queue, p_payload, f."unique", f.created_at) u
  where f.id = p_job and f.lane = p_lane and f."unique" is not null
    and (u.expires_at is null or u.expires_at > clock_timestamp());
  if not found or v_place.old_hash = v_place.hash
    or not exists (select from djps.jobs j where j.id = p_job and j.status in ('queued', 'failed'))
  then
    return;
  end if;
  if v_place.old_hash < v_place.hash then
    perform from djps.unique_keys k where k.lane = p_lane and k.hash = v_place.old_hash for update;
  end if;
  held_by := nullif(djps.take_unique(p_lane, v_place.hash, p_job, v_place.states, v_place.expires_at),
                    p_job);
  if held_by is not null then
    return;
  end if;
  delete from djps.unique_keys k
  where k.lane = p_lane and k.hash = v_place.old_hash and k.job_id = p_job;
  if exists (select from djps.facts f
             where f.id = p_job and f.lane = p_lane and f.payload is distinct from v_place.payload) then
    raise exception 'job % was changed meanwhile', p_job using errcode = '40001';
  end if;
  moved := true;
end
$$;
