-- Takes the places of those of these ended jobs that are unique and are about to come back. Returns the
-- jobs that may not, with the job that has their place. A job whose period since its submission is over
-- needs no place. Of several jobs that need the same place the newest gets it.
--
-- Locks: the places, in the order of their hashes, before the caller locks any row of a job: a
-- submission that replaces a job locks in the same order. Jobs that are not unique cost one look at
-- their facts.
create or replace function djps.take_places(p_lane smallint, p_jobs uuid[], p_from djps.job_status[])
returns table (job_id uuid, was djps.job_status, held_by uuid)
language plpgsql volatile
as $$
declare
  v_job   record;
  v_hash  uuid;
  v_taker uuid;                                        -- a job of this call that has v_hash now
begin
  for v_job in
    -- First, so that jobs that are not unique cost no more than this.
    with fact as materialized (
      select * from djps.facts f
      where f.lane = p_lane and f.id = any (p_jobs) and f."unique" is not null
    )
    select o.id, o.status, u.hash, u.states, u.expires_at
    from fact f
    join djps.outcomes o on o.id = f.id and o.lane = f.lane
    cross join lateral djps.unique_place(f.type, f.queue, f.payload, f."unique", f.created_at) u
    where o.status = any (p_from) and (u.expires_at is null or u.expires_at > clock_timestamp())
    order by u.hash, o.id desc
  loop
    if v_job.hash is distinct from v_hash then
      v_hash := v_job.hash;
      v_taker := null;
    end if;
    held_by := coalesce(v_taker,
                        nullif(djps.take_unique(p_lane, v_hash, v_job.id, v_job.states, v_job.expires_at),
                               v_job.id));
    if held_by is not null then
      job_id := v_job.id;
      was := v_job.status;
      return next;
    elsif 'queued' = any (v_job.states) then
      -- Its outcome is still there, so that the next job of this place would not find it waiting.
      v_taker := v_job.id;
    end if;
  end loop;
end
$$;
