-- ensure_token(uuid, text, text, text, text)
-- Makes a token with a given secret, unless it was made before. A revoked token stays revoked.
--
-- $1 id     uuid
-- $2 name   text
-- $3 hash   text  SHA-256 of the token's text, hexadecimal
-- $4 role   text
-- $5 actor  text  for the audit
-- Returns: id uuid
--
-- Locks: only the new rows. Cost: constant. Safe to repeat: yes, also from many servers at once. Zero
-- rows: the token exists, or existed.
with made as (
  insert into djps.tokens (id, created_at, name, role, hash)
  values ($1, clock_timestamp(), $2, $4, decode($3, 'hex'))
  on conflict do nothing
  returning id
),

noted as (
  insert into djps.audit (actor, action, target, detail)
  select $5, 'create_token', $2,
         jsonb_build_object('id', m.id, 'role', $4, 'queues', null, 'types', null,
                            'expires_at', null)
  from made m
)

select m.id
from made m
