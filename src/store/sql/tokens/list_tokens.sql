-- list_tokens()
-- Lists all tokens, including revoked and expired ones, newest first, without their hashes.
--
-- Returns: id uuid, name text, role text, queues jsonb, types jsonb, created_at timestamptz, expires_at timestamptz, revoked_at timestamptz, last_used_at timestamptz, expired bool
--
-- Locks: none. Cost: reads the table, which is small: a row per token ever made.
-- Safe to repeat: yes.
select id, name, role, to_jsonb(queues) as queues, to_jsonb(types) as types, created_at, expires_at,
       revoked_at, last_used_at, coalesce(expires_at <= clock_timestamp(), false) as expired
from djps.tokens
order by created_at desc, id desc
