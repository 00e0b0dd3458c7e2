-- open_bulk(int8, text, text, jsonb)
-- Gives the entry of the audit for a bulk action, so that its pages may add their jobs: the entry of the
-- pages before, or a new one.
--
-- $1 audit   int8   the entry of the pages before; null: none. It must be of the same action
-- $2 actor   text
-- $3 action  text   cancel, retry or purge
-- $4 detail  jsonb  the filter and the reason; without the count
-- Returns: id int8
--
-- Locks: none. Index: the primary key. Cost: O(1). Safe to repeat: yes, with $1.
-- An entry that is older than half a day is not continued, so that none is removed meanwhile.
with found as (
  select a.id from djps.audit a
  where a.id = $1 and a.actor = $2 and a.action = $3 and a.target = 'jobs' and a.detail - 'count' = $4
    and a.at > clock_timestamp() - interval '12 hours'
),

opened as (
  insert into djps.audit (actor, action, target, detail)
  select $2, $3, 'jobs', $4 || '{"count": 0}' where not exists (select from found)
  returning id
)

select found.id from found
union all
select opened.id from opened
