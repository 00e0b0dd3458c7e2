-- list_writers()
-- Lists the transactions that write to `ready` now. It is the first half of a look; look_at_queue is
-- the second. src/store/claims/claim_cursor.h says how the list is used, and why it is complete.
--
-- Returns: at timestamptz, server text, writer text, began timestamptz
-- at, server: the database's clock before anything else was read, and the time at which the server
-- started; in each row.
-- writer: a transaction that holds ROW EXCLUSIVE on ready, so it has written or may write. Null in
-- the only row if there is no writer.
-- began: when the transaction began. Null if that is hidden, such as from another role (without
-- pg_read_all_stats), or not known, such as for a prepared transaction. If the transaction ended or
-- was prepared during this statement, began is that of the next one on its connection, which is later
-- than `at`.
--
-- Locks: none; reading pg_locks takes the lock manager's own for a moment (about 0.1 ms). Cost:
-- O(locks held + writers * connections). Safe to repeat: yes.
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
