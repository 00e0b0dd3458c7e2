-- set_audit_retention(interval, text)
-- Sets how long the entries of the audit are kept. The audit records who set it.
--
-- $1 keep   interval  from 1 day to 3660 days; null: for ever
-- $2 actor  text      for the audit
-- Returns: changed bool
--
-- Locks: the rule. Cost: O(1). Safe to repeat: yes.
select djps.set_audit_retention($1, $2) as changed
