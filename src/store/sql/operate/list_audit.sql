-- list_audit(text, int8, int4)
-- Lists the actions of people, newest first.
--
-- $1 target  text  a job's id, or the name of a queue or type; null: everything
-- $2 before  int8  entries older than this one; null: from the newest
-- $3 limit   int4
-- Returns: id int8, at timestamptz, actor text, action text, target text, detail jsonb
--
-- Locks: none. Index: audit_target_idx, or the primary key. Cost: O(limit). Safe to repeat: yes.
(select a.id, a.at, a.actor, a.action, a.target, a.detail
 from djps.audit a
 where $1 is not null and a.target = $1 and a.id < coalesce($2, 9223372036854775807)
 order by a.id desc
 limit $3)
union all
(select a.id, a.at, a.actor, a.action, a.target, a.detail
 from djps.audit a
 where $1 is null and a.id < coalesce($2, 9223372036854775807)
 order by a.id desc
 limit $3)
