-- Included by the other files here: makes the temporary table `run`, one row for each job of the
-- submissions that come on standard input, as NDJSON.
\set ON_ERROR_STOP on
set client_min_messages = warning;
create temporary table item (submission jsonb not null);
-- JSON has neither of these two characters unescaped, so each line is one value as it stands.
\copy item from pstdin with (format csv, quote e'\x01', delimiter e'\x02')
create temporary table run as
select k.job_id as id, k.created_at, i.submission -> 'payload' ->> 'path' as path
from item i
join djps.idempotency_keys k
  on k.lane = 0 and k.type = i.submission ->> 'type' and k.key = i.submission ->> 'idempotencyKey';
analyze run;
