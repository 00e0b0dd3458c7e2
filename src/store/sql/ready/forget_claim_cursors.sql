-- forget_claim_cursors(interval)
-- Deletes saved cursors that were not saved again for $1.
--
-- $1 age  interval
-- Returns: kind uuid
--
-- Locks: the rows. Cost: O(sets of workers that claim alike). Safe to repeat: yes.
delete from djps.claim_cursors where looked_at < now() - $1 returning kind
