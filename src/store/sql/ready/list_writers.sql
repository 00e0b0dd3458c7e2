-- list_writers()
-- Who is writing to `ready` now: the first half of a look, of which look_at_queue is the second. What is
-- made of it, and why that is complete: src/store/claims/claim_cursor.h
--
-- Returns: at timestamptz, server text, writer text, began timestamptz
-- at, server: the database's clock before anything else was read, and when the server started, in each row.
-- writer: a transaction that holds ROW EXCLUSIVE on ready, so it has written or may write; null in the only
-- row when there is none.
-- began: when it began; null where that is hidden, as from another role (without pg_read_all_stats), or not
-- known, as of one that is prepared. Where it has ended or was prepared while this ran, that of the next one
-- on its connection, which is later than `at`.
--
-- Locks: none; reading pg_locks takes the lock manager's own for a moment (about 0.1 ms). Cost: O(locks held
-- + writers * connections). Safe to repeat: yes.
select now() as at, pg_postmaster_start_time()::text as server, w.virtualtransaction as writer,
       w.xact_start as began
from (values (1)) as always (n)
left join (
  select l.virtualtransaction, activity.xact_start
  from pg_locks l
  left join lateral pg_stat_get_activity(l.pid) activity on l.pid is not null
  where l.locktype = 'relation'
    and l.database = (select d.oid from pg_database d where d.datname = current_database())
    and l.relation = 'djps.ready'::regclass
    and l.mode = 'RowExclusiveLock'
    and l.granted
) w on true
