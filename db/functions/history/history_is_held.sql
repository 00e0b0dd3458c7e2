-- Says whether a swap would have to wait: for a vacuum or DDL on one of its tables, or for a
-- transaction that has read or written jobs for a second. This check avoids queueing for the lock,
-- because all others would then queue behind the swap.
create or replace function djps.history_is_held(p_work djps.history_work) returns boolean
language sql volatile
as $$
  select exists (
    select from pg_locks l
    left join pg_stat_activity a on a.pid = l.pid
    where l.locktype = 'relation' and l.granted and l.pid <> pg_backend_pid()
      and l.database = (select d.oid from pg_database d where d.datname = current_database())
      and l.relation in (
        select to_regclass(format('djps.%I', parent || part))::oid
        from unnest(array['facts', 'outcomes', 'attempts']) parent
        cross join unnest(array['', '_default']
                          || array(select '_' || s from unnest(p_work.sources) s)) part)
      and (l.mode not in ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')
           or a.xact_start < clock_timestamp() - interval '1 second'));
$$;
