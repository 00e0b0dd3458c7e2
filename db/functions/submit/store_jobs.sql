-- Stores jobs with any options, all or none. The caller makes the ids, of this lane.
--
-- Locks: keys in (type, key) order, then places of unique jobs in the order of their hashes, so that
-- two batches with the same ones cannot deadlock.
create or replace function djps.store_jobs(p_lane smallint, p_ids uuid[], p_jobs djps.new_job[])
returns setof djps.submission
language plpgsql volatile
as $$
declare
  v_item  record;
  v_fact  djps.facts;
  v_found djps.submission;
begin
  for v_item in
    with item as materialized (
      select s.n, p_ids[s.n] as id, p_jobs[s.n] as job from generate_subscripts(p_jobs, 1) s (n)
    ),
    named as materialized (
      select k.n, k.job_id, k.same_payload
      from djps.reserve_keys(
        p_lane,
        array(select (i.job).type from item i order by i.n),
        array(select (i.job).idempotency_key from item i order by i.n),
        p_ids,
        array(select hashtextextended(djps.plain_text(coalesce((i.job).payload, '{}')), 0)
              from item i order by i.n),
        array(select interval '1 millisecond' * (i.job).key_lifetime_ms from item i order by i.n)) k
      where exists (select from item i where (i.job).idempotency_key is not null)
    )
    select i.n, i.id, i.job, k.job_id as known, k.same_payload
    from item i
    left join named k on k.n = i.n
    order by case when (i.job)."unique" is not null then
               djps.unique_hash((i.job).type, coalesce((i.job).queue, 'default'),
                                coalesce((i.job).payload, '{}'), (i.job)."unique") end nulls first,
             i.n
  loop
    if v_item.known <> v_item.id then
      v_found := row(v_item.n, v_item.known, 'replayed', not v_item.same_payload, null, null);
    elsif (v_item.job)."unique" is not null then
      v_found := djps.store_unique_job(p_lane, v_item.id, v_item.job);
      v_found.n := v_item.n;
      if v_found.outcome <> 'created' and (v_item.job).idempotency_key is not null then
        -- From now on the key names the job that the submission led to.
        update djps.idempotency_keys k set job_id = v_found.id
        where k.lane = p_lane and k.type = (v_item.job).type
          and k.key = (v_item.job).idempotency_key and k.job_id = v_item.id;
      end if;
    else
      v_fact := djps.store_job(p_lane, v_item.id, v_item.job);
      v_found := row(v_item.n, v_item.id, 'created', false, v_fact.run_at, v_fact.created_at);
    end if;
    return next v_found;
  end loop;
end
$$;
