-- list_audit(text, uuid, int8, int4, int4)
-- Lists the actions of people, newest first, until their texts have $5 bytes; at least one.
--
-- $1 target  text  a job's id, or the name of a queue or type; null: everything
-- $2 job     uuid  the same if it is a job's id: bulk actions that changed it are listed, too
-- $3 before  int8  entries older than this one; null: from the newest
-- $4 limit   int4
-- $5 bytes   int4  of the texts as JSON
-- Returns: id int8, at timestamptz, actor text, action text, target text, detail jsonb, found int8
-- found: how many entries there are, $4 at most. More than the rows: the bytes ended the page.
--
-- Locks: none. Index: audit_target_idx, or the primary key; audit_jobs_range_idx. Cost: O(limit); for a
-- job also O(pages of bulk actions whose range of ids has it), the latest 10,000 of them.
-- Safe to repeat: yes.
with page as materialized (
  select p.audit_id, p.place
  from djps.audit_jobs p
  where $2 is not null and p.last_id >= $2 and p.first_id <= $2
    and p.audit_id < coalesce($3, 9223372036854775807)
  order by p.audit_id desc
  limit 10000
),

bulk as materialized (
  select distinct p.audit_id
  from page
  join djps.audit_jobs p on p.audit_id = page.audit_id and p.place = page.place
  where $2 = any (p.job_ids)
  order by p.audit_id desc
  limit $4
),

entry as (
  (select a.id, a.at, a.actor, a.action, a.target, a.detail
   from djps.audit a
   where $1 is not null and a.target = $1 and a.id < coalesce($3, 9223372036854775807)
   order by a.id desc
   limit $4)
  union all
  (select a.id, a.at, a.actor, a.action, a.target, a.detail
   from djps.audit a
   where $1 is null and a.id < coalesce($3, 9223372036854775807)
   order by a.id desc
   limit $4)
  union all
  select a.id, a.at, a.actor, a.action, a.target, a.detail
  from bulk
  join djps.audit a on a.id = bulk.audit_id
),

newest as (
  select e.* from entry e order by e.id desc limit $4
),

counted as (
  select e.*,
         row_number() over latest as place,
         count(*) over () as found,
         sum(octet_length(to_json(e.actor)::text) + octet_length(to_json(e.target)::text)
             + octet_length(e.detail::text)) over latest as bytes
  from newest e
  window latest as (order by e.id desc)
)

select c.id, c.at, c.actor, c.action, c.target, c.detail, c.found
from counted c
where c.bytes <= $5 or c.place = 1
order by c.id desc
