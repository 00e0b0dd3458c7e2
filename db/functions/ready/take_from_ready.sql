-- Takes waiting jobs out of the queue and returns them. The caller decides what happens to them. A
-- missing job runs, has ended, or does not exist.
--
-- Locks: the rows, in the order of their places in the table. Claimers skip them, so no claim waits.
create or replace function djps.take_from_ready(p_lane smallint, p_jobs uuid[]) returns setof djps.ready
language sql volatile
as $$
  with place as materialized (
    select r.ctid as tid
    from djps.facts f
    cross join lateral (
      select r0.ctid, r0.id from djps.ready r0
      where r0.lane = f.lane and r0.queue = f.queue and r0.priority = f.priority
        and r0.visible_at = f.run_at and r0.id = f.id and r0.moved_at is null
      union all
      -- Does not name the lane: with it the planner may walk all of ready_claim_key instead.
      select r1.ctid, r1.id from djps.ready r1
      where r1.id = f.id and r1.moved_at is not null
    ) r
    where f.lane = p_lane and f.id = any (p_jobs)
  )
  delete from djps.ready r
  where r.ctid = any (array(select tid from place)) and r.id = any (p_jobs)
  returning r.*;
$$;
