-- revoke_token(uuid, text)
-- Revokes a token for good. Every server notices within two seconds.
--
-- $1 id     uuid
-- $2 actor  text  for the audit
-- Returns: id uuid, name text, role text, queues jsonb, types jsonb, created_at timestamptz, expires_at timestamptz, revoked_at timestamptz, last_used_at timestamptz, expired bool
--
-- Locks: the row. Index: tokens_pkey. Safe to repeat: yes, the first time counts.
-- Zero rows: no such token.
with before as materialized (
  select t.id, t.name, t.revoked_at from djps.tokens t where t.id = $1 for update
),

noted as (
  insert into djps.audit (actor, action, target, detail)
  select $2, 'revoke_token', b.name, jsonb_build_object('id', b.id)
  from before b
  where b.revoked_at is null
)

update djps.tokens t
set revoked_at = coalesce(b.revoked_at, clock_timestamp())
from before b
where t.id = b.id
returning t.id, t.name, t.role, to_jsonb(t.queues) as queues, to_jsonb(t.types) as types,
          t.created_at, t.expires_at, t.revoked_at, t.last_used_at,
          coalesce(t.expires_at <= clock_timestamp(), false) as expired
