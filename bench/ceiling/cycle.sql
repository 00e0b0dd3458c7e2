with stored as (
  insert into ceiling.facts (id, type, payload)
  select ceiling.next_id(), 'email', jsonb
         '{"to": "someone@example.com", "subject": "hello", "body": "lorem ipsum dolor sit amet"}'
  from generate_series(1, :n)
  returning id, queue, priority, run_at
)
insert into ceiling.ready (id, queue, priority, visible_at) select * from stored;
with claimed as (
  delete from ceiling.ready
  where ctid = any (array(
    select ctid from ceiling.ready
    where queue = 'default' and priority = 0
      and visible_at >= :cursor::timestamptz and visible_at <= now()
    order by queue, priority, visible_at, id
    limit :n
    for update skip locked))
  returning id, attempt, visible_at
),
lease as (
  insert into ceiling.leases (worker, expires_at, ids, attempts)
  select '00000000-0000-0000-0000-000000000001', clock_timestamp() + interval '30s',
         array_agg(id), array_agg(attempt)
  from claimed
  having count(*) > 0
  returning id
)
select coalesce(array_agg(c.id), '{}') as ids,
       max(length(f.payload::text)) as payload_length,
       coalesce((select id from lease), 0) as lease,
       coalesce(max(c.visible_at) - interval '50ms', :cursor::timestamptz)::text as cursor
from claimed c
join ceiling.facts f on f.id = c.id
\gset
select ceiling.complete(:lease::bigint, :ids::uuid[]);
