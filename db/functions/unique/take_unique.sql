-- Takes the place `p_hash` for a job, or returns the job that has it, which may be this one. The primary
-- key orders two that come at once: the second waits for the first.
create or replace function djps.take_unique(p_lane smallint, p_hash uuid, p_job uuid,
                                 p_states djps.job_status[], p_expires_at timestamptz)
returns uuid                                           -- null: it is this job's now
language plpgsql volatile
as $$
declare
  v_key    djps.unique_keys;
  v_status djps.job_status;
begin
  loop
    insert into djps.unique_keys (lane, hash, job_id, states, expires_at)
    values (p_lane, p_hash, p_job, p_states, p_expires_at)
    on conflict do nothing;
    if found then
      return null;
    end if;
    select * into v_key from djps.unique_keys k where k.lane = p_lane and k.hash = p_hash for update;
    continue when not found;
    if v_key.expires_at is null or v_key.expires_at > clock_timestamp() then
      select j.status into v_status from djps.jobs j where j.id = v_key.job_id;
      if v_status = any (v_key.states) then
        return v_key.job_id;
      end if;
    end if;
    update djps.unique_keys k
    set job_id = p_job, states = p_states, expires_at = p_expires_at
    where k.lane = p_lane and k.hash = p_hash;
    return null;
  end loop;
end
$$;
