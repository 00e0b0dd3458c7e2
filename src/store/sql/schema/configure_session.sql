-- configure_session(text)
-- Runs once on every new connection. It pins each setting that our statements rely on, because a
-- role, a database or a configuration file may have changed it.
--
-- $1 statement_timeout  text  such as '30s'; longer than any deadline of a caller
-- Returns: applied int8
--
-- Plans: every statement here is an index or TID scan by design, prepared once and run for days. Its
-- plan must not depend on the statistics of its first minute. So plans are generic, random pages cost
-- so little that an index path always wins over a scan of the whole table, and every other switch of
-- the planner has Postgres's default.
-- Safety: a client that is paused in the middle of a transaction may hold its locks for 10 s at most.
-- Commits are on disk even where synchronous_commit is off or local. Settings that wait for more (on,
-- remote_write, remote_apply) stay unchanged. Warnings are sent: one of them says that a commit may
-- not have reached its standby.
-- Settings that this server's version does not have, or that only a superuser may set, are skipped.
-- Locks: none. Cost: a walk through some 370 settings, about a millisecond. Safe to repeat: yes.
with pinned (name, setting) as (
  values
    ('default_transaction_isolation', 'read committed'),
    ('default_transaction_read_only', 'off'),
    ('default_transaction_deferrable', 'off'),
    ('session_replication_role', 'origin'),
    ('row_security', 'on'),
    ('restrict_nonsystem_relation_kind', ''),
    ('exit_on_error', 'off'),
    ('client_min_messages', 'warning'),
    ('synchronous_commit',
     case when current_setting('synchronous_commit') in ('off', 'local') then 'on'
          else current_setting('synchronous_commit') end),

    ('statement_timeout', $1),
    ('lock_timeout', '5s'),
    ('idle_in_transaction_session_timeout', '10s'),
    ('idle_session_timeout', '0'),
    ('transaction_timeout', '0'),

    ('search_path', 'pg_catalog'),
    ('client_encoding', 'UTF8'),
    ('lc_messages', 'C'),
    ('DateStyle', 'ISO, MDY'),
    ('IntervalStyle', 'postgres'),
    ('TimeZone', 'UTC'),
    ('extra_float_digits', '1'),
    ('bytea_output', 'hex'),
    ('standard_conforming_strings', 'on'),
    ('quote_all_identifiers', 'off'),
    ('array_nulls', 'on'),
    ('transform_null_equals', 'off'),
    ('check_function_bodies', 'on'),

    ('plan_cache_mode', 'force_generic_plan'),
    ('enable_seqscan', 'off'),
    ('enable_bitmapscan', 'off'),
    ('random_page_cost', '0.01'),
    ('seq_page_cost', '1'),
    ('cpu_tuple_cost', '0.01'),
    ('cpu_index_tuple_cost', '0.005'),
    ('cpu_operator_cost', '0.0025'),
    ('effective_cache_size', '4GB'),
    ('cursor_tuple_fraction', '0.1'),
    ('constraint_exclusion', 'partition'),
    ('from_collapse_limit', '8'),
    ('join_collapse_limit', '8'),
    ('geqo', 'on'),
    ('geqo_threshold', '12'),
    ('gin_fuzzy_search_limit', '0'),
    ('max_parallel_workers_per_gather', '0'),
    ('jit', 'off')
),

wanted as (
  select p.name, p.setting from pinned p
  union all
  select s.name, s.boot_val
  from pg_catalog.pg_settings s
  where s.name like 'enable%' and s.name not in ('enable_seqscan', 'enable_bitmapscan')
)

select pg_catalog.count(pg_catalog.set_config(w.name, w.setting, false))
       -- the server lists it only once a function of that language has run
       + (select pg_catalog.count(pg_catalog.set_config('plpgsql.extra_errors', 'none', false)))
       as applied
from wanted w
join pg_catalog.pg_settings s on s.name = w.name
where s.context = 'user'
   or (s.context = 'superuser' and current_setting('is_superuser') = 'on')
