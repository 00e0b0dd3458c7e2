-- load_claim_cursor(int2, text, text[])
-- Loads the claim cursor that a process with the same queue and types saved last.
--
-- $1 lane   int2
-- $2 queue  text
-- $3 types  text[]  in the same order
-- Returns: server text, looked_at timestamptz, priority int2, floor_at timestamptz, floor_id uuid, writer text, writer_from timestamptz
-- The levels and the writers are listed side by side, one of each per row. The columns of the shorter
-- list are null at the end. No row: nothing was saved since the server started, or a clock that has
-- stepped back saved it. Then everything has to be looked at. src/store/claims/claim_cursor.h
-- explains the columns.
--
-- Locks: none. Index: claim_cursors_pkey. Cost: one row. Safe to repeat: yes.
select c.server, c.looked_at, part.priority, part.floor_at, part.floor_id, part.writer,
       part.writer_from
from djps.claim_cursors c
left join lateral unnest(c.priorities, c.floor_at, c.floor_id, c.writers, c.writer_from)
  as part (priority, floor_at, floor_id, writer, writer_from) on true
where c.kind = djps.claim_kind($1, $2, $3)
  and c.lane = $1 and c.queue = $2 and c.types = $3
  and c.server = pg_postmaster_start_time()::text
  and c.looked_at <= clock_timestamp()
