-- Removes the keys, tags and logs of the next p_rows removed jobs of the first old part. When a part
-- is done, it drops the part. A key whose own lifetime is not over stays.
create or replace function djps.history_sweep(p_work djps.history_work, p_rows integer,
                                   out done text, out jobs bigint)
language plpgsql
as $$
declare
  v_suffix text := p_work.sources[1];
  v_parent text;
  v_ids    uuid[];
begin
  done := 'sweep';
  if v_suffix is null then
    delete from djps.history_work;
    done := 'finished';
    return;
  end if;
  if to_regclass('djps.facts_' || v_suffix) is not null then
    execute format('select array_agg(c.id order by c.id) from (select f.id from djps.%I f
                    where f.id > %L order by f.id limit %s) c',
                   'facts_' || v_suffix, p_work.after_id, p_rows) into v_ids;
  end if;
  jobs := coalesce(cardinality(v_ids), 0);
  if jobs = 0 then
    foreach v_parent in array array['facts', 'outcomes', 'attempts'] loop
      execute format('drop table if exists djps.%I', v_parent || '_' || v_suffix);
    end loop;
    update djps.history_work set sources = sources[2:], after_id = djps.day_floor(from_day);
    done := 'dropped';
    return;
  end if;
  update djps.history_work set after_id = v_ids[jobs];

  v_ids := array(select unnest(v_ids) except
                 select j.id from djps.history_judge(v_ids, p_work.after_id,
                                                     djps.day_floor(p_work.to_day)) j);
  execute format('delete from djps.job_tags t using djps.%I f
                  where f.id = any ($1) and f.tags is not null
                    and t.lane = f.lane and t.tag = any (f.tags) and t.job_id = f.id',
                 'facts_' || v_suffix) using v_ids;
  execute format('delete from djps.idempotency_keys k using djps.%I f
                  where f.id = any ($1) and f.idempotency_key is not null
                    and k.lane = f.lane and k.type = f.type and k.key = f.idempotency_key
                    and k.job_id = f.id
                    and (k.expires_at is null or k.expires_at < clock_timestamp())',
                 'facts_' || v_suffix) using v_ids;
  delete from djps.progress p where p.job_id = any (v_ids);
  delete from djps.log_lines w where w.job_id = any (v_ids);
  delete from djps.snoozes s where s.job_id = any (v_ids);
  delete from djps.unique_keys u
  where u.job_id = any (v_ids) and (u.expires_at is null or u.expires_at < clock_timestamp());
end
$$;
