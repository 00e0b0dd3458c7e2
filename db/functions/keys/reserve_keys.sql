-- Reserves idempotency keys. Returns for each given (type, key) the job that it names. A new key
-- names the id offered with it. A known key, or the second of two equal keys in one call, names the
-- first job. A key whose lifetime is over counts as new. If a key is deleted between the two
-- statements, for example because its job was purged, this raises 40001, and the caller tries again.
--
-- There are two statements on purpose: the second sees what a concurrent submitter committed while
-- the first waited for it. Keys are taken in order, so that two batches with the same keys cannot
-- deadlock.
create or replace function djps.reserve_keys(
  p_lane      smallint,
  p_types     text[],
  p_keys      text[],                                  -- null where the job has none
  p_jobs      uuid[],
  p_hashes    bigint[],
  p_lifetimes interval[] default null                  -- null, or null items: as long as the job
) returns table (n bigint, job_id uuid, same_payload boolean)
language plpgsql volatile
as $$
declare
  v_named bigint;
begin
  loop
    insert into djps.idempotency_keys as k
      (lane, type, key, job_id, payload_hash, created_at, expires_at)
    select p_lane, s.type, s.key, s.job_id, s.hash, clock_timestamp(), clock_timestamp() + s.lifetime
    from unnest(p_types, p_keys, p_jobs, p_hashes, p_lifetimes)
      with ordinality s (type, key, job_id, hash, lifetime, n)
    where s.key is not null
    order by s.type, s.key, s.n
    on conflict do nothing;

    delete from djps.idempotency_keys k
    using unnest(p_types, p_keys, p_jobs) s (type, key, job_id)
    where k.lane = p_lane and k.type = s.type and k.key = s.key and k.expires_at < clock_timestamp()
      and k.job_id <> all (p_jobs);
    exit when not found;
  end loop;

  return query
    select s.n, k.job_id, k.payload_hash = s.hash
    from unnest(p_types, p_keys, p_hashes) with ordinality s (type, key, hash, n)
    join djps.idempotency_keys k on k.lane = p_lane and k.type = s.type and k.key = s.key
    where s.key is not null;
  get diagnostics v_named = row_count;
  if v_named < cardinality(p_keys) - cardinality(array_positions(p_keys, null)) then
    raise exception 'an idempotency key was deleted meanwhile' using errcode = '40001';
  end if;
end
$$;
