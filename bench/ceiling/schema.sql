create schema ceiling;

create sequence ceiling.ids;

-- Ordered ids that cost next to nothing.
create function ceiling.next_id() returns uuid
language sql volatile
as $$
  select (lpad(to_hex(1700000000000 + nextval('ceiling.ids')), 12, '0')
          || substr(md5(random()::text), 1, 20))::uuid
$$;

create table ceiling.facts (
  id           uuid        primary key,
  queue        text        not null default 'default',
  type         text        not null,
  payload      jsonb       not null,
  priority     smallint    not null default 0,
  run_at       timestamptz not null default now(),
  max_attempts smallint    not null default 5,
  created_at   timestamptz not null default now()
);

create table ceiling.ready (
  queue      text        not null,
  priority   smallint    not null,
  visible_at timestamptz not null,
  id         uuid        not null,
  attempt    smallint    not null default 0
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
create index ready_claim on ceiling.ready (queue, priority, visible_at, id);

create table ceiling.leases (
  id         bigint generated always as identity primary key,
  worker     uuid        not null,
  expires_at timestamptz not null,
  ids        uuid[]      not null,
  attempts   smallint[]  not null
) with (fillfactor = 50);

create table ceiling.outcomes (
  id          uuid        primary key,
  status      smallint    not null,
  attempts    smallint    not null,
  finished_at timestamptz not null default now(),
  result      jsonb
);

create table ceiling.plain (
  id         uuid        primary key default gen_random_uuid(),
  type       text        not null,
  payload    jsonb       not null,
  created_at timestamptz not null default now()
);

-- Takes what is done out of a lease that still holds, and writes its outcomes.
create function ceiling.complete(lease bigint, done uuid[]) returns integer
language plpgsql
as $$
declare
  v_done integer;
  v_kept uuid[];
  v_ended uuid[];
begin
  select array(select i from unnest(l.ids) i where i = any (done)),
         array(select i from unnest(l.ids) i where i <> all (done))
  into v_ended, v_kept
  from ceiling.leases l
  where l.id = lease and l.expires_at > clock_timestamp()
  for update;
  if not found then
    return 0;
  end if;
  if v_kept = '{}' then
    delete from ceiling.leases where id = lease;
  else
    update ceiling.leases set ids = v_kept where id = lease;
  end if;
  insert into ceiling.outcomes (id, status, attempts) select i, 2, 1 from unnest(v_ended) i;
  get diagnostics v_done = row_count;
  return v_done;
end
$$;
