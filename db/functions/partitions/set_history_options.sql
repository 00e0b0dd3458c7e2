-- Sets the options of a partition. A partition gets only inserts, so it needs no vacuum before it is
-- dropped. Autovacuum freezes a long-kept partition once. Payloads are never searched, so they are
-- not sampled either. The replica identity of attempts is not inherited.
create or replace function djps.set_history_options(p_table text, p_kept boolean) returns void
language plpgsql
as $$
declare
  v_column text;
begin
  if p_kept then
    execute format('alter table djps.%I set (autovacuum_freeze_min_age = 0,
                    toast.autovacuum_freeze_min_age = 0)', p_table);
  else
    execute format('alter table djps.%I set (autovacuum_freeze_min_age = 0,
                    toast.autovacuum_freeze_min_age = 0, autovacuum_vacuum_insert_threshold = -1,
                    toast.autovacuum_vacuum_insert_threshold = -1)', p_table);
  end if;
  if p_table like 'attempts%' then
    execute format('alter table djps.%I replica identity full', p_table);
  end if;
  for v_column in
    select a.attname from pg_attribute a
    where a.attrelid = format('djps.%I', p_table)::regclass and a.attnum > 0 and not a.attisdropped
      and a.attname in ('payload', 'metadata', 'retry', 'unique', 'result', 'message', 'detail')
  loop
    execute format('alter table djps.%I alter column %I set statistics 0', p_table, v_column);
  end loop;
end
$$;
