-- purge_expired_keys(int4)
-- Deletes idempotency keys and places of unique jobs whose own lifetime is over.
--
-- $1 limit  int4  of each, at most
-- Returns: deleted int8
--
-- Locks: the rows; skips those that a submitter has locked. Index: idempotency_keys_expiry_idx,
-- unique_keys_expiry_idx. Cost: O($1). Safe to repeat: yes.
select djps.purge_expired_keys($1) as deleted
