-- list_retry_policies()
-- Lists the types that have a retry policy of their own.
--
-- Returns: type text, policy jsonb
--
-- Locks: none. Cost: O(types). Safe to repeat: yes.
select p.type, p.policy from djps.retry_policies p order by p.type
