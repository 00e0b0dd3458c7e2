-- The rights of the four roles. `djps migrate up` runs this file every time, after everything else. So
-- roles get their rights whenever they are made: before, after, or again after a restore from a dump.
--
-- It makes missing roles, if the caller may. By default everybody may call a function in Postgres; only
-- the roles that these functions are granted to may call them.

revoke all on all functions in schema djps from public;

do $$
declare
  v_role text;
begin
  foreach v_role in array array['djps_submit', 'djps_worker', 'djps_operator', 'djps_reader'] loop
    begin
      if not exists (select from pg_roles where rolname = v_role) then
        execute format('create role %I nologin', v_role);
      end if;
    exception
      -- A migration of another database of this server may have made the role at this moment.
      when duplicate_object or unique_violation then null;
      when insufficient_privilege then
        raise notice 'the role % is missing and % may not create it: when somebody has, run djps migrate up',
          v_role, current_user;
    end;
    continue when not exists (select from pg_roles where rolname = v_role);

    execute format('grant usage on schema djps to %I', v_role);
    case v_role
      when 'djps_submit' then
        grant execute on function djps.enqueue, djps.enqueue_many, djps.cancel to djps_submit;
      when 'djps_worker' then
        grant execute on function
          djps.complete, djps.fail, djps.snooze, djps.release, djps.assert_lease to djps_worker;
      when 'djps_operator' then
        grant execute on function
          djps.enqueue, djps.enqueue_many, djps.cancel, djps.set_retention,
          djps.set_audit_retention to djps_operator;
        grant select on
          djps.jobs, djps.attempts, djps.queues, djps.audit, djps.audit_jobs, djps.retention,
          djps.audit_retention to djps_operator;
      when 'djps_reader' then
        grant select on djps.jobs, djps.attempts, djps.queues, djps.retention to djps_reader;
    end case;
  end loop;
end
$$;
