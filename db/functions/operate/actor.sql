-- Returns who an action is written down for in the audit: p_actor where the session's own role may act
-- as the owner of these functions, as servers do, who pass on whom they act for; else that role. Only
-- for functions with the rights of their owner.
create or replace function djps.actor(p_actor text) returns text
language sql stable
as $$
  select case when pg_has_role(session_user, current_user, 'member') then p_actor else session_user end;
$$;
