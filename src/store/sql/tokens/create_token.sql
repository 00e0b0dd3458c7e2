-- create_token(uuid, text, text, text, text[], text[], timestamptz[], interval[], text)
-- Makes a token, unless its name is taken or its expiry has passed already.
--
-- $1 id          uuid
-- $2 name        text
-- $3 hash        text         SHA-256 of the token's text, hexadecimal
-- $4 role        text
-- $5 queues      text[]       empty: any queue
-- $6 types       text[]       empty: any type
-- $7 expires_at  timestamptz[]  one element, null: not given
-- $8 expires_in  interval[]     one element, null: not given; from now on the database's clock
-- $9 actor       text         for the audit
-- Returns: created bool, expired bool, created_at timestamptz, expires_at timestamptz
--
-- Locks: only the new row; waits for a transaction that makes a token of the same name. Cost:
-- constant. Errors: 23505 when id or hash exist. Safe to repeat: a second call finds the name taken.
-- `created` false and `expired` false: the name is taken.
with wanted as materialized (
  select t.now, coalesce(($7)[1], t.now + ($8)[1]) as expires_at
  from (select clock_timestamp() as now) t
),

made as (
  insert into djps.tokens (id, created_at, expires_at, name, role, hash, queues, types)
  select $1, w.now, w.expires_at, $2, $4, decode($3, 'hex'), nullif($5, '{}'), nullif($6, '{}')
  from wanted w
  where w.expires_at is null or w.expires_at > w.now
  on conflict (name) where revoked_at is null do nothing
  returning id
),

noted as (
  insert into djps.audit (actor, action, target, detail)
  select $9, 'create_token', $2,
         jsonb_build_object('id', m.id, 'role', $4, 'queues', nullif($5, '{}'),
                            'types', nullif($6, '{}'), 'expires_at', w.expires_at)
  from made m
  cross join wanted w
)

select m.id is not null as created, coalesce(w.expires_at <= w.now, false) as expired,
       w.now as created_at, w.expires_at
from wanted w
left join made m on true
