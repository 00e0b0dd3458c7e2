-- set_queue_limit(int2, text, int4, text)
-- Sets how many jobs may wait in a queue before submissions are refused.
--
-- $1 lane         int2
-- $2 queue        text
-- $3 max_backlog  int4  1..100000000; null: no limit
-- $4 actor        text  for the audit
-- Returns: max_backlog int4
--
-- Locks: the queue's row. Cost: O(1). Safe to repeat: yes.
with before as (
  select q.max_backlog from djps.queues q where q.lane = $1 and q.name = $2
),

noted as (
  insert into djps.audit (actor, action, target, detail)
  select $4, 'limit', $2, jsonb_build_object('before', (select b.max_backlog from before b),
                                             'after', $3)
)

insert into djps.queues (lane, name, max_backlog)
values ($1, $2, $3)
on conflict (lane, name) do update set max_backlog = excluded.max_backlog
returning max_backlog
