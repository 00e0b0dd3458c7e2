-- list_audit(text, int8, int4, int4)
-- Lists the actions of people, newest first, until their texts have $4 bytes; at least one.
--
-- $1 target  text  a job's id, or the name of a queue or type; null: everything
-- $2 before  int8  entries older than this one; null: from the newest
-- $3 limit   int4
-- $4 bytes   int4  of the texts as JSON
-- Returns: id int8, at timestamptz, actor text, action text, target text, detail jsonb, found int8
-- found: how many entries there are, $3 at most. More than the rows: the bytes ended the page.
--
-- Locks: none. Index: audit_target_idx, or the primary key. Cost: O(limit). Safe to repeat: yes.
with entry as (
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
),

counted as (
  select e.*,
         row_number() over newest as place,
         count(*) over () as found,
         sum(octet_length(to_json(e.actor)::text) + octet_length(to_json(e.target)::text)
             + octet_length(e.detail::text)) over newest as bytes
  from entry e
  window newest as (order by e.id desc)
)

select c.id, c.at, c.actor, c.action, c.target, c.detail, c.found
from counted c
where c.bytes <= $4 or c.place = 1
order by c.id desc
