-- 0004_access: who may call the API.
--
-- DJPS shows a token's text once, when it is made, and stores its SHA-256. A plain, fast hash is right
-- here: the secret is 256 random bits, not a password that a person has chosen. Nobody can guess it, and
-- a slow hash or a salt would add nothing. Servers look tokens up by hash, so no comparison ever touches
-- the secret itself.
--
-- Locks: creates new objects only. Old binaries: none exist.

create table djps.tokens (
  id           uuid        not null primary key,
  created_at   timestamptz not null,
  expires_at   timestamptz,                            -- null: never
  revoked_at   timestamptz,                            -- null: not revoked; never taken back
  last_used_at timestamptz,                            -- to the minute
  name         text        not null,                   -- shown in the audit
  role         text        not null,
  hash         bytea       not null unique,            -- SHA-256 of the token's text
  queues       text[] collate "C",                     -- only these; null: any
  types        text[] collate "C",                     -- only these; null: any
  constraint tokens_role_known check (role in ('submit', 'work', 'read', 'operate', 'admin')),
  constraint tokens_hash_is_sha256 check (octet_length(hash) = 32),
  constraint tokens_restrictions_not_empty check (queues <> '{}' and types <> '{}')
);

-- One token per name, unless revoked: so the audit is clear, and a token can be revoked by name.
create unique index tokens_name_key on djps.tokens (name) where revoked_at is null;

comment on table djps.tokens is 'Who may call the API. Holds hashes, never a secret.';
