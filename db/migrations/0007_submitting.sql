-- 0007_submitting: jobs with more than the usual: options, unique jobs, keys with a lifetime. The
-- plain submissions (enqueue_jobs, enqueue_keyed_jobs) do not come through here and stay as fast as
-- they are; both the API and the SQL functions of 0008 store everything else with djps.store_jobs.
--
-- Locks: creates new objects, and replaces djps.reserve_keys by one that takes a parameter more.

-- ---- Ids -------------------------------------------------------------------------------------

-- A UUIDv7 (RFC 9562, section 5.7) with the lane in its low 6 bits.
create function djps.new_job_id(p_lane smallint default 0) returns uuid
language sql volatile
as $$
  select encode(set_byte(set_byte(set_byte(b.bytes,
             6, (get_byte(b.bytes, 6) & 15) | 112),
             8, (get_byte(b.bytes, 8) & 63) | 128),
             15, (get_byte(b.bytes, 15) & 192) | p_lane), 'hex')::uuid
  from (
    -- The milliseconds, 48 bits of them, and then chance.
    select substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
           || substring(uuid_send(gen_random_uuid()) from 7) as bytes
  ) b;
$$;

-- ---- Uniqueness ------------------------------------------------------------------------------

-- Which job holds a place of which there is only one: by type, and where asked for by queue and by
-- payload or parts of it. The row says who came last; whether that job still counts is looked up
-- when the next one comes, so that finishing a job costs nothing.
create table djps.unique_keys (
  lane       smallint not null,
  hash       uuid     not null,                        -- md5 of what must be unique
  job_id     uuid     not null,
  states     djps.job_status[] not null,               -- the job counts while it is in one of these
  expires_at timestamptz,                              -- and until then; null: as long as it likes
  primary key (lane, hash)
);
create index unique_keys_expiry_idx on djps.unique_keys (expires_at) where expires_at is not null;

-- Takes the place `p_hash` for a new job, or says which job has it. Two that come at once are put in
-- order by the primary key: the second waits for the first.
create function djps.take_unique(p_lane smallint, p_hash uuid, p_job uuid,
                                 p_states djps.job_status[], p_expires_at timestamptz)
returns uuid                                           -- null: it is the new job's
language plpgsql volatile
as $$
declare
  v_key    djps.unique_keys;
  v_status djps.job_status;
begin
  loop
    insert into djps.unique_keys (lane, hash, job_id, states, expires_at)
    values (p_lane, p_hash, p_job, p_states, p_expires_at)
    on conflict do nothing;
    if found then
      return null;
    end if;
    select * into v_key from djps.unique_keys k where k.lane = p_lane and k.hash = p_hash for update;
    continue when not found;
    if v_key.expires_at is null or v_key.expires_at > clock_timestamp() then
      select j.status into v_status from djps.jobs j where j.id = v_key.job_id;
      if v_status = any (v_key.states) then
        return v_key.job_id;
      end if;
    end if;
    update djps.unique_keys k
    set job_id = p_job, states = p_states, expires_at = p_expires_at
    where k.lane = p_lane and k.hash = p_hash;
    return null;
  end loop;
end
$$;

-- What must be unique, as one number. `fields` null: the whole payload; else those paths of it, with
-- a dot between names. A path that leads nowhere counts as null.
create function djps.unique_hash(p_type text, p_queue text, p_payload jsonb, p_unique jsonb)
returns uuid
language sql immutable
as $$
  select md5(jsonb_build_array(
    p_type,
    case when (p_unique ->> 'queue')::boolean then p_queue end,
    p_unique -> 'key',
    case
      when p_unique ? 'key' and not p_unique ? 'fields' then null
      when jsonb_typeof(p_unique -> 'fields') = 'array' then
        (select jsonb_object_agg(field, p_payload #> string_to_array(field, '.'))
         from jsonb_array_elements_text(p_unique -> 'fields') field)
      else p_payload
    end)::text)::uuid;
$$;

-- ---- Idempotency keys with a lifetime --------------------------------------------------------

drop function djps.reserve_keys(smallint, text[], text[], uuid[], bigint[]);

-- Reserves idempotency keys: for each (type, key) given, the job it names. A new key names the id
-- offered with it; a known one, or the second of two equal ones in one call, names the first job.
-- A key whose lifetime is over is as good as new. One that was deleted between the two looks (its job
-- was thrown away, say) is no answer: 40001 has the caller ask again.
--
-- Two statements on purpose: the second sees what a concurrent submitter committed while the first
-- waited for it. Keys are taken in order, so that two batches with the same keys cannot deadlock.
create function djps.reserve_keys(
  p_lane      smallint,
  p_types     text[],
  p_keys      text[],                                  -- null where the job has none
  p_jobs      uuid[],
  p_hashes    bigint[],
  p_lifetimes interval[] default null                  -- null, or null items: as long as the job
) returns table (n bigint, job_id uuid, same_payload boolean)
language plpgsql volatile
as $$
declare
  v_named bigint;
begin
  loop
    insert into djps.idempotency_keys as k
      (lane, type, key, job_id, payload_hash, created_at, expires_at)
    select p_lane, s.type, s.key, s.job_id, s.hash, clock_timestamp(), clock_timestamp() + s.lifetime
    from unnest(p_types, p_keys, p_jobs, p_hashes, p_lifetimes)
      with ordinality s (type, key, job_id, hash, lifetime, n)
    where s.key is not null
    order by s.type, s.key, s.n
    on conflict do nothing;

    delete from djps.idempotency_keys k
    using unnest(p_types, p_keys, p_jobs) s (type, key, job_id)
    where k.lane = p_lane and k.type = s.type and k.key = s.key and k.expires_at < clock_timestamp()
      and k.job_id <> all (p_jobs);
    exit when not found;
  end loop;

  return query
    select s.n, k.job_id, k.payload_hash = s.hash
    from unnest(p_types, p_keys, p_hashes) with ordinality s (type, key, hash, n)
    join djps.idempotency_keys k on k.lane = p_lane and k.type = s.type and k.key = s.key
    where s.key is not null;
  get diagnostics v_named = row_count;
  if v_named < cardinality(p_keys) - cardinality(array_positions(p_keys, null)) then
    raise exception 'an idempotency key was deleted meanwhile' using errcode = '40001';
  end if;
end
$$;

-- ---- Submitting ------------------------------------------------------------------------------

-- One job to submit, with every option. Null stands for the default.
create type djps.new_job as (
  type              text,
  payload           jsonb,
  queue             text,
  priority          integer,                           -- the smaller number runs first
  run_at            timestamptz,
  delay_ms          bigint,                            -- from now, instead of run_at
  max_attempts      integer,
  idempotency_key   text,
  key_lifetime_ms   bigint,                            -- the key counts this long; null: as the job
  tags              text[],
  metadata          jsonb,
  retry             jsonb,                             -- see djps.retry_delay
  timeout_ms        integer,                           -- of one attempt
  finish_by         timestamptz,                       -- no attempt starts after this
  "unique"          jsonb                              -- see djps.enqueue_many
);

-- Says what is wrong with a retry policy; null: nothing.
create function djps.retry_trouble(policy jsonb) returns text
language sql immutable
as $$
  select case
    when policy is null then null
    when jsonb_typeof(policy) <> 'object' then 'retry must be a JSON object'
    when coalesce(policy ->> 'kind', '') not in ('exponential', 'linear', 'fixed', 'list') then
      format('retry.kind must be exponential, linear, fixed or list, got %s',
             coalesce(policy ->> 'kind', 'nothing'))
    when policy ->> 'kind' in ('linear', 'fixed') and jsonb_typeof(policy -> 'delay_ms') is distinct from 'number'
      then format('retry.delay_ms is missing, which kind %s needs', policy ->> 'kind')
    when policy ->> 'kind' = 'list' and (jsonb_typeof(policy -> 'delays_ms') is distinct from 'array'
                                         or jsonb_array_length(policy -> 'delays_ms') not between 1 and 1000)
      then 'retry.delays_ms must be an array of 1 to 1000 numbers'
    when exists (select from jsonb_each(policy) e
                 where e.key in ('base_ms', 'cap_ms', 'delay_ms')
                   and (jsonb_typeof(e.value) <> 'number'
                        or (e.value #>> '{}')::numeric not between 0 and 31622400000))
      then 'retry.base_ms, cap_ms and delay_ms must be from 0 to 31622400000'
    when exists (select from jsonb_array_elements(
                   case when jsonb_typeof(policy -> 'delays_ms') = 'array' then policy -> 'delays_ms'
                        else '[]' end) d
                 where jsonb_typeof(d) <> 'number'
                    or (d #>> '{}')::numeric not between 0 and 31622400000)
      then 'retry.delays_ms must be from 0 to 31622400000 each'
    when policy ? 'factor' and (jsonb_typeof(policy -> 'factor') <> 'number'
                                or (policy ->> 'factor')::numeric not between 1 and 100)
      then 'retry.factor must be from 1 to 100'
    when policy ? 'jitter' and jsonb_typeof(policy -> 'jitter') <> 'boolean'
      then 'retry.jitter must be true or false'
    when exists (select from jsonb_object_keys(policy) k
                 where k not in ('kind', 'base_ms', 'factor', 'cap_ms', 'jitter', 'delay_ms', 'delays_ms'))
      then format('retry has an unknown member %s',
                  (select k from jsonb_object_keys(policy) k
                   where k not in ('kind', 'base_ms', 'factor', 'cap_ms', 'jitter', 'delay_ms', 'delays_ms')
                   limit 1))
  end;
$$;

-- Says what is wrong with a job, as "field must be ..., got ..."; null: nothing.
create function djps.new_job_trouble(j djps.new_job) returns text
language sql immutable
as $$
  select case
    when j.type is null then 'type is missing'
    when j.type !~ '^[A-Za-z0-9_.:/-]{1,128}$' then
      format('type must be 1 to 128 of A-Z a-z 0-9 _ . : / - , got %L', left(j.type, 64))
    when j.queue !~ '^[A-Za-z0-9_.:/-]{1,128}$' then
      format('queue must be 1 to 128 of A-Z a-z 0-9 _ . : / - , got %L', left(j.queue, 64))
    when octet_length(j.payload::text) > 1048576 * 2 then 'payload must be at most 1 MiB'
    when j.priority not between -32768 and 32767 then
      format('priority must be from -32768 to 32767, got %s', j.priority)
    when j.max_attempts not between 1 and 1000 then
      format('max_attempts must be from 1 to 1000, got %s', j.max_attempts)
    when j.delay_ms not between 0 and 31622400000 then
      format('delay_ms must be from 0 to 31622400000 (366 days), got %s', j.delay_ms)
    when j.delay_ms is not null and j.run_at is not null then
      'delay_ms and run_at exclude each other'
    when octet_length(j.idempotency_key) not between 1 and 255 then
      'idempotency_key must have 1 to 255 bytes'
    when j.key_lifetime_ms not between 1000 and 31622400000 then
      format('key_lifetime_ms must be from 1000 to 31622400000, got %s', j.key_lifetime_ms)
    when j.timeout_ms not between 1 and 2147483647 then
      format('timeout_ms must be from 1 to 2147483647, got %s', j.timeout_ms)
    when cardinality(j.tags) > 20 then format('tags may be at most 20, got %s', cardinality(j.tags))
    when exists (select from unnest(j.tags) t where t is null or octet_length(t) not between 1 and 128)
      then 'tags must have 1 to 128 bytes each'
    when octet_length(j.metadata::text) > 65536 then 'metadata must be at most 64 KiB'
    when jsonb_typeof(j.metadata) <> 'object' then 'metadata must be a JSON object'
    else djps.retry_trouble(j.retry)
  end;
$$;

-- Says what is wrong with a `unique` member; null: nothing.
create function djps.unique_trouble(p_unique jsonb) returns text
language sql immutable
as $$
  select case
    when p_unique is null then null
    when jsonb_typeof(p_unique) <> 'object' then 'unique must be a JSON object'
    when p_unique ? 'fields' and (jsonb_typeof(p_unique -> 'fields') <> 'array'
                                  or jsonb_array_length(p_unique -> 'fields') not between 1 and 20)
      then 'unique.fields must be an array of 1 to 20 paths'
    when p_unique ? 'key' and (jsonb_typeof(p_unique -> 'key') <> 'string'
                               or octet_length(p_unique ->> 'key') not between 1 and 255)
      then 'unique.key must be a string of 1 to 255 bytes'
    when p_unique ? 'queue' and jsonb_typeof(p_unique -> 'queue') <> 'boolean'
      then 'unique.queue must be true or false'
    when p_unique ? 'period_ms' and (jsonb_typeof(p_unique -> 'period_ms') <> 'number'
         or (p_unique ->> 'period_ms')::numeric not between 1 and 31622400000)
      then 'unique.period_ms must be from 1 to 31622400000'
    when p_unique ? 'states' and (jsonb_typeof(p_unique -> 'states') <> 'array'
         or exists (select from jsonb_array_elements(p_unique -> 'states') s
                    where s #>> '{}' not in ('queued', 'running', 'failed', 'succeeded', 'canceled', 'dead')))
      then 'unique.states may hold queued, running, failed, succeeded, canceled, dead'
    when coalesce(p_unique ->> 'on_conflict', 'existing') not in ('existing', 'replace', 'reschedule')
      then format('unique.on_conflict must be existing, replace or reschedule, got %L',
                  p_unique ->> 'on_conflict')
    when exists (select from jsonb_object_keys(p_unique) k
                 where k not in ('fields', 'key', 'queue', 'period_ms', 'states', 'on_conflict'))
      then format('unique has an unknown member %s',
                  (select k from jsonb_object_keys(p_unique) k
                   where k not in ('fields', 'key', 'queue', 'period_ms', 'states', 'on_conflict')
                   limit 1))
  end;
$$;

-- What a submission with all options came to.
--   outcome: created, or for a job that was there already: replayed (its idempotency key is known),
--   existing, replaced or rescheduled (it is the unique one, and what was done to it).
create type djps.submission as (
  n               bigint,
  id              uuid,
  outcome         text,
  payload_differs boolean,
  run_at          timestamptz,
  created_at      timestamptz
);

-- Stores one job that has been checked; no key, no uniqueness.
create function djps.store_job(p_lane smallint, p_id uuid, j djps.new_job) returns djps.facts
language sql volatile
as $$
  with fact as (
    insert into djps.facts
      (id, created_at, run_at, lane, priority, max_attempts, queue, type, idempotency_key, payload,
       timeout_ms, finish_by, retry, tags, metadata)
    values
      (p_id, clock_timestamp(),
       greatest(clock_timestamp(),
                coalesce(j.run_at, clock_timestamp() + interval '1 millisecond' * j.delay_ms)),
       p_lane, coalesce(j.priority, 0), coalesce(j.max_attempts, 25), coalesce(j.queue, 'default'),
       j.type, j.idempotency_key, coalesce(j.payload, '{}'), j.timeout_ms, j.finish_by, j.retry,
       nullif(j.tags, '{}'), j.metadata)
    returning *
  ),

  place as (
    insert into djps.ready (id, visible_at, lane, priority, attempts, failed, queue, type)
    select id, run_at, lane, priority, 0, false, queue, type from fact
  )

  select * from fact;
$$;

-- Stores one job that has to be the only one of its kind, or does to the one there is what
-- unique.on_conflict says.
--   {"fields": ["customer.id"], "key": "...", "queue": true, "period_ms": 60000,
--    "states": ["queued", "running", "failed"], "on_conflict": "existing"}
-- Without fields and key the whole payload counts. With a period, and no states, a job that has
-- succeeded counts too until the period since its submission is over.
create function djps.store_unique_job(p_lane smallint, p_id uuid, j djps.new_job)
returns djps.submission
language plpgsql volatile
as $$
declare
  v_result   djps.submission;
  v_existing uuid;
  v_ready    djps.ready;
  v_fact     djps.facts;
  v_action   text := coalesce(j."unique" ->> 'on_conflict', 'existing');
  v_states   djps.job_status[] := '{queued,running,failed}';
begin
  if j."unique" ? 'states' then
    v_states := array(select jsonb_array_elements_text(j."unique" -> 'states'))::djps.job_status[];
  elsif j."unique" ? 'period_ms' then
    v_states := v_states || 'succeeded'::djps.job_status;
  end if;
  v_existing := djps.take_unique(
    p_lane,
    djps.unique_hash(j.type, coalesce(j.queue, 'default'), coalesce(j.payload, '{}'), j."unique"),
    p_id, v_states,
    clock_timestamp() + interval '1 millisecond' * (j."unique" ->> 'period_ms')::double precision);

  if v_existing is null then
    v_fact := djps.store_job(p_lane, p_id, j);
    return row(null, p_id, 'created', false, v_fact.run_at, v_fact.created_at)::djps.submission;
  end if;

  v_result := row(null, v_existing, 'existing', false, null, null)::djps.submission;
  select f.payload is distinct from coalesce(j.payload, '{}') into v_result.payload_differs
  from djps.facts f where f.id = v_existing and f.lane = p_lane;
  if v_action = 'existing' then
    return v_result;
  end if;
  select * into v_ready from djps.take_from_ready(p_lane, array[v_existing]);
  if v_ready.id is null then
    return v_result;                                   -- it runs already, with what it was given
  end if;
  update djps.facts f set payload = coalesce(j.payload, '{}')
  where f.id = v_existing and f.lane = p_lane;
  if v_action = 'reschedule' then
    v_ready.visible_at := greatest(
      clock_timestamp(),
      coalesce(j.run_at, clock_timestamp() + interval '1 millisecond' * j.delay_ms));
  end if;
  -- Never in the past: the claim cursor would not find it there.
  insert into djps.ready (id, visible_at, moved_at, lane, priority, attempts, failed, queue, type)
  values (v_existing, greatest(v_ready.visible_at, clock_timestamp()), clock_timestamp(), p_lane,
          v_ready.priority, v_ready.attempts, v_ready.failed, v_ready.queue, v_ready.type)
  returning visible_at into v_result.run_at;
  v_result.outcome := case v_action when 'replace' then 'replaced' else 'rescheduled' end;
  return v_result;
end
$$;

-- Stores jobs with any options, all or none. Made by the caller: the ids, of this lane.
--
-- Locks: keys in (type, key) order, then places of unique jobs in the order of their hashes, so that
-- two batches with the same ones cannot deadlock.
create function djps.store_jobs(p_lane smallint, p_ids uuid[], p_jobs djps.new_job[])
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
        array(select jsonb_hash_extended(coalesce((i.job).payload, '{}'), 0) from item i order by i.n),
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
        -- From now on the key names the job that it led to.
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
