-- find_keyed_job(int2, text, text)
-- Finds the job that an idempotency key names.
--
-- $1 lane  int2
-- $2 type  text
-- $3 key   text
-- Returns: id uuid
--
-- Locks: none. Index: the primary key of idempotency_keys. Safe to repeat: yes. Zero rows: the key is
-- unknown, or not known any more.
select k.job_id as id
from djps.idempotency_keys k
where k.lane = $1 and k.type = $2 and k.key = $3
