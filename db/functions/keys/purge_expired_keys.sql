-- Deletes idempotency keys and places of unique jobs whose own lifetime is over, at most p_limit of
-- each. Returns how many. Such keys are ignored anyway, so this deletion decides nothing.
create or replace function djps.purge_expired_keys(p_limit integer) returns bigint
language sql volatile
as $$
  with keys as (
    delete from djps.idempotency_keys
    where expires_at < now() and ctid = any (array(
      select k.ctid from djps.idempotency_keys k
      where k.expires_at < now() order by k.expires_at limit p_limit for update skip locked))
    returning 1
  ),

  places as (
    delete from djps.unique_keys
    where expires_at < now() and ctid = any (array(
      select u.ctid from djps.unique_keys u
      where u.expires_at < now() order by u.expires_at limit p_limit for update skip locked))
    returning 1
  )

  select (select count(*) from keys) + (select count(*) from places);
$$;
