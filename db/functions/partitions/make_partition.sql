-- Makes one partition of one day. Returns false if it exists, or if it has to wait. Rows of the day
-- may be in the default partition, because a clock was wrong or nothing ran for days. If they are
-- few, they move into the new partition. If they are many, the partition cannot be made; the rows
-- stay where they are, and nothing is lost.
--
-- Locks: ACCESS EXCLUSIVE on the default partition, from the move to the end of the transaction.
create or replace function djps.make_partition(p_parent text, p_day date) returns boolean
language plpgsql volatile
as $$
declare
  v_name text := p_parent || '_' || to_char(p_day, 'YYYYMMDD');
  v_key  text := djps.history_key(p_parent);
  v_from uuid := djps.day_floor(p_day);
  v_to   uuid := djps.day_floor(p_day + 1);
  v_rows bigint;
begin
  if to_regclass('djps.' || v_name) is not null then
    return false;
  end if;
  execute format('lock table djps.%I in access exclusive mode', p_parent || '_default');
  execute format('select count(*) from (select from djps.%I where %I >= %L and %I < %L limit 10001) r',
                 p_parent || '_default', v_key, v_from, v_key, v_to) into v_rows;
  if v_rows > 10000 then
    raise warning 'djps.%_default holds many rows of %: that day gets no partition of its own',
      p_parent, p_day;
    return false;
  end if;
  execute format('create table djps.%I (like djps.%I including defaults including constraints)',
                 v_name, p_parent);
  perform djps.set_history_options(v_name, false);
  if v_rows > 0 then
    execute format('with moved as (delete from djps.%I where %I >= %L and %I < %L returning *)
                    insert into djps.%I select * from moved',
                   p_parent || '_default', v_key, v_from, v_key, v_to, v_name);
  end if;
  -- Lets ATTACH skip the scan; dropped afterwards, since the partition bound says the same.
  execute format('alter table djps.%I add constraint bounds check (%I >= %L and %I < %L)',
                 v_name, v_key, v_from, v_key, v_to);
  execute format('alter table djps.%I attach partition djps.%I for values from (%L) to (%L)',
                 p_parent, v_name, v_from, v_to);
  execute format('alter table djps.%I drop constraint bounds', v_name);
  if v_rows > 0 and p_parent = 'facts' then
    -- The move out of the default partition fired djps.note_tags, which removed the tags of these
    -- jobs.
    execute format('insert into djps.job_tags (lane, tag, job_id)
                    select f.lane, tag, f.id from djps.%I f cross join lateral unnest(f.tags) tag
                    on conflict do nothing', v_name);
  end if;
  return true;
end
$$;
