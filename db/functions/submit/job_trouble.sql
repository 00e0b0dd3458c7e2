-- Says what is wrong with a submitted job, as "field must be ..., got ..."; null: nothing.
create or replace function djps.job_trouble(p_job jsonb) returns text
language plpgsql stable
as $$
declare
  v_trouble text;
begin
  if jsonb_typeof(p_job) <> 'object' then
    return format('must be a JSON object, got %s', djps.shown(p_job));
  end if;
  if p_job ->> 'type' is null then
    return 'type is missing';
  end if;
  select djps.member_trouble(m.key, m.value) into v_trouble
  from jsonb_each(p_job) m
  where djps.member_trouble(m.key, m.value) is not null
  limit 1;
  return coalesce(v_trouble, case
    when p_job ->> 'delay_ms' is not null and p_job ->> 'run_at' is not null
      then 'delay_ms and run_at exclude each other'
    when p_job ->> 'key_lifetime_ms' is not null and p_job ->> 'idempotency_key' is null
      then 'key_lifetime_ms needs an idempotency_key'
  end);
end
$$;
