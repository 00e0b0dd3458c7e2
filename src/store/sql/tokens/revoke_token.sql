-- revoke_token(uuid)
-- Ends a token for good. Every server notices within two seconds.
--
-- $1 id  uuid
-- Returns: id uuid, name text, role text, queues jsonb, types jsonb, created_at timestamptz, expires_at timestamptz, revoked_at timestamptz, last_used_at timestamptz, expired bool
--
-- Locks: the row. Index: tokens_pkey. Safe to repeat: yes, the first time counts.
-- Zero rows: no such token.
update djps.tokens t
set revoked_at = coalesce(t.revoked_at, clock_timestamp())
where t.id = $1
returning t.id, t.name, t.role, to_jsonb(t.queues) as queues, to_jsonb(t.types) as types,
          t.created_at, t.expires_at, t.revoked_at, t.last_used_at,
          coalesce(t.expires_at <= clock_timestamp(), false) as expired
