-- ensure_token(uuid, text, text, text)
-- Makes a token whose secret somebody else chose, unless it was made before. One that has been
-- revoked stays revoked.
--
-- $1 id    uuid
-- $2 name  text
-- $3 hash  text  SHA-256 of the token's text, hexadecimal
-- $4 role  text
-- Returns: id uuid
--
-- Locks: none but the new row. Cost: constant. Safe to repeat: yes, also from many servers at once.
-- Zero rows: it is there, or was.
insert into djps.tokens (id, created_at, name, role, hash)
values ($1, clock_timestamp(), $2, $4, decode($3, 'hex'))
on conflict do nothing
returning id
