-- load_active_tokens()
-- Loads the valid tokens, which a server keeps in memory.
--
-- Returns: id uuid, name text, role text, queues jsonb, types jsonb, hash text
--
-- Locks: none. Index: tokens_name_key, which has only tokens that are not revoked; revoked ones cost
-- nothing. Safe to repeat: yes.
select id, name, role, to_jsonb(queues) as queues, to_jsonb(types) as types,
       encode(hash, 'hex') as hash
from djps.tokens
where revoked_at is null and (expires_at is null or expires_at > clock_timestamp())
order by name
