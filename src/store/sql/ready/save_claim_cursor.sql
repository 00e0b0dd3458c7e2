-- save_claim_cursor(int2, text, text[], text, timestamptz, int2[], timestamptz[], uuid[], text[], timestamptz[], interval)
-- Saves the claim cursor of these types on this queue, for a process that starts later.
--
-- $1 lane         int2
-- $2 queue        text
-- $3 types        text[]
-- $4 server       text           as list_writers said
-- $5 looked_at    timestamptz    the clock of that list
-- $6 priorities   int2[]         the levels, and per level a place below which there is nothing:
-- $7 floor_at     timestamptz[]  (floor_at, floor_id)
-- $8 floor_id     uuid[]
-- $9 writers      text[]         transactions that were writing then, and per transaction
-- $10 writer_from timestamptz[]  a place below which it wrote nothing
-- $11 young       interval       a row saved less than this before $5 is not replaced
-- Returns: looked_at timestamptz
-- No row: the saved row is young. So many processes with the same queue and types write no more often
-- than one.
--
-- Locks: the row, for the moment of the statement and its commit. Index: claim_cursors_pkey.
-- Cost: one row. Safe to repeat: yes.
insert into djps.claim_cursors as kept
  (kind, lane, queue, types, server, looked_at, priorities, floor_at, floor_id, writers, writer_from)
values (djps.claim_kind($1, $2, $3), $1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (kind) do update
set lane = excluded.lane, queue = excluded.queue, types = excluded.types,
    server = excluded.server, looked_at = excluded.looked_at,
    priorities = excluded.priorities, floor_at = excluded.floor_at, floor_id = excluded.floor_id,
    writers = excluded.writers, writer_from = excluded.writer_from
where excluded.looked_at > kept.looked_at + $11
   or kept.looked_at > clock_timestamp()
   or excluded.server <> kept.server
returning looked_at
