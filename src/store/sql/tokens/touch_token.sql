-- touch_token(uuid)
-- Records that a token was used, at most once a minute, however many servers report it.
--
-- $1 id  uuid
-- Returns: id uuid
--
-- Locks: the row, if it is written. Index: tokens_pkey. Safe to repeat: yes.
update djps.tokens t
set last_used_at = clock_timestamp()
where t.id = $1
  and (t.last_used_at is null or t.last_used_at < clock_timestamp() - interval '1 minute')
returning t.id
