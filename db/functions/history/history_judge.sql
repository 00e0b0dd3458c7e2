-- Returns the time at which each of these jobs may be removed; null: it stays. Ids are of (p_after,
-- p_until). The bounds are literals in the query, so that Postgres opens only their partitions,
-- however many others there are.
create or replace function djps.history_judge(p_ids uuid[], p_after uuid, p_until uuid)
returns table (id uuid, live boolean, expires_at timestamptz)
language plpgsql volatile
as $$
begin
  return query execute format($q$
    select f.id, o.id is null,
           o.finished_at + case when own.queue is not null then own.keep else rest.keep end
    from unnest($1) wanted (id)
    cross join lateral (
      select f0.id, f0.lane, f0.queue from djps.facts f0
      where f0.id = wanted.id and f0.id > %1$L and f0.id < %2$L offset 0) f
    left join lateral (
      select o0.id, o0.status, o0.finished_at from djps.outcomes o0
      where o0.id = f.id and o0.lane = f.lane and o0.id > %1$L and o0.id < %2$L offset 0) o on true
    left join djps.retention own on own.queue = f.queue and own.status = o.status
    left join djps.retention rest on rest.queue = '*' and rest.status = o.status
  $q$, p_after, p_until) using p_ids;
end
$$;
