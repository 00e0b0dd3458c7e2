-- set_retry_policy(text, jsonb, text)
-- Sets how long jobs of a type wait between attempts, unless the job or its handler has a policy.
--
-- $1 type    text
-- $2 policy  jsonb  as in djps.retry_delay; null: the default again
-- $3 actor   text   for the audit
-- Returns: changed bool
--
-- Locks: the policy's row. Cost: O(1). Safe to repeat: yes.
with removed as (
  delete from djps.retry_policies p where p.type = $1 and $2 is null returning p.type
),

stored as (
  insert into djps.retry_policies (type, policy)
  select $1, $2 where $2 is not null
  on conflict (type) do update set policy = excluded.policy
  returning type
),

changed as (
  select type from removed union all select type from stored
),

noted as (
  insert into djps.audit (actor, action, target, detail)
  select $3, 'retry_policy', type, jsonb_build_object('after', $2) from changed
)

select exists (select from changed) as changed
