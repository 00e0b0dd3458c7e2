-- 0011_claim_cursors: where claims were, for processes that start while somebody holds a snapshot.
--
--   claim_cursors  per queue and set of types, a place below which there is nothing to claim, and who was
--                  writing then: what ClaimCursor (src/store/claims/claim_cursor.h) goes on from
--
-- Without it, a process that starts walks over every job that was done since the snapshot: three seconds for
-- some five million. A hint like the cursor itself: no row, or an old one, costs time and no job.
-- One row per set of workers that claim alike, rewritten every 5 to 10 s while they are busy.
--
-- The argument and the measurement: docs/decisions/0011-saved-claim-cursors.md.
--
-- Locks: creates new objects only. Old binaries: go on, write nothing here.

create table djps.claim_cursors (
  kind        uuid        not null,                    -- of lane, queue and types: they may be long
  looked_at   timestamptz not null,                    -- by the server's clock
  lane        smallint    not null,
  server      text        not null,                    -- when it started: see look_at_queue.sql
  queue       text        not null,
  types       text[]      not null,
  priorities  smallint[]  not null,                    -- the levels, and per level its floor
  floor_at    timestamptz[] not null,
  floor_id    uuid[]      not null,
  writers     text[]      not null,                    -- transactions that were writing, and per writer
  writer_from timestamptz[] not null,                  -- a place below which it wrote nothing
  primary key (kind)
) with (fillfactor = 50);

create function djps.claim_kind(p_lane smallint, p_queue text, p_types text[])
returns uuid
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return encode(substring(sha256(convert_to(
  concat_ws(E'\n', p_lane, p_queue, array_to_string(p_types, E'\n')), 'UTF8')) for 16), 'hex')::uuid;

revoke execute on function djps.claim_kind from public;
