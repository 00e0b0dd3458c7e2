-- Deletes ended jobs with everything that is kept of them, including progress and logs. An
-- idempotency key with a lifetime of its own stays until that lifetime is over. Returns the deleted
-- jobs. Jobs that have not ended stay. p_audit: the entry of the bulk action that this is a part of;
-- null: an entry for each job.
create or replace function djps.purge_jobs(p_lane smallint, p_jobs uuid[], p_from djps.job_status[],
                                p_actor text, p_audit bigint default null)
returns table (job_id uuid)
language sql volatile
as $$
  with ended as (
    delete from djps.outcomes o
    where o.lane = p_lane and o.id = any (p_jobs) and o.status = any (p_from)
    returning o.id, o.status
  ),

  fact as (
    delete from djps.facts f using ended where f.id = ended.id and f.lane = p_lane
    returning f.id, f.type, f.queue, f.idempotency_key, f."unique", ended.status
  ),

  history as (
    delete from djps.attempts a using ended where a.job_id = ended.id and a.lane = p_lane
  ),

  said as (
    delete from djps.progress p using ended where p.job_id = ended.id and p.lane = p_lane
  ),

  logged as (
    delete from djps.log_lines w using ended where w.job_id = ended.id and w.lane = p_lane
  ),

  snoozed as (
    delete from djps.snoozes s using ended where s.job_id = ended.id and s.lane = p_lane
  ),

  named as (
    delete from djps.idempotency_keys k using fact
    where k.lane = p_lane and k.type = fact.type and k.key = fact.idempotency_key
      and k.job_id = fact.id
      and (k.expires_at is null or k.expires_at < clock_timestamp())
  ),

  -- A place that a submission holds at this moment will have a job of its own.
  left_place as (
    delete from djps.unique_keys u
    where u.lane = p_lane and u.ctid = any (array(
      select k.ctid from djps.unique_keys k
      where k.lane = p_lane
        and k.job_id = any (array(select fact.id from fact where fact."unique" is not null))
      for update skip locked))
  ),

  noted as (
    insert into djps.audit (actor, action, target, detail)
    select p_actor, 'purge', id::text,
           jsonb_build_object('was', status, 'type', type, 'queue', queue)
    from fact
    where p_audit is null
  ),

  listed as materialized (
    select djps.note_bulk(p_audit, status::text, array_agg(id)) from fact
    where p_audit is not null
    group by status
  )

  -- The count makes the list run.
  select id from fact where (select count(*) from listed) >= 0;
$$;
