-- find_audit_retention()
-- Says how long the entries of the audit are kept.
--
-- Returns: keep_ms int8
-- keep_ms is null where they are kept for ever.
--
-- Locks: none. Cost: O(1). Safe to repeat: yes.
select (extract(epoch from r.keep) * 1000)::int8 as keep_ms from djps.audit_retention r
