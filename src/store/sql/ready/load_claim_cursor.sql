-- load_claim_cursor(int2, text, text[])
-- Where claims of these types on this queue were when a process that claims alike last saved it.
--
-- $1 lane   int2
-- $2 queue  text
-- $3 types  text[]  in the same order
-- Returns: server text, looked_at timestamptz, priority int2, floor_at timestamptz, floor_id uuid, writer text, writer_from timestamptz
-- One row per level and per writer, beside each other; the columns of what there are fewer of are null.
-- No row: nothing was saved since the server started, or by a clock that has stepped back since, so
-- everything has to be looked at.
-- What it means: src/store/claims/claim_cursor.h
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
