-- configure_session(text)
-- Run once on every new connection.
--
-- $1 statement_timeout  text  such as '30s'; longer than any deadline of a caller
-- Returns: applied text
--
-- Plans: every statement here is an index or TID scan by design, prepared once and run for days, so
-- its plan must not depend on what the statistics said in its first minute: generic plans, and
-- random pages priced so low that an index path always wins over a scan of the whole table.
-- Safety: a client that is paused in the middle of a transaction may hold its locks for 10 s at
-- most, and commits are durable even where a role or database turned synchronous_commit off.
-- Locks: none. Cost: constant. Safe to repeat: yes.
select concat_ws(' ',
  set_config('plan_cache_mode', 'force_generic_plan', false),
  set_config('enable_seqscan', 'off', false),
  set_config('enable_bitmapscan', 'off', false),
  set_config('random_page_cost', '0.01', false),
  set_config('jit', 'off', false),
  set_config('statement_timeout', $1, false),
  set_config('lock_timeout', '5s', false),
  set_config('idle_in_transaction_session_timeout', '10s', false),
  set_config('timezone', 'UTC', false),
  set_config('search_path', 'pg_catalog', false),
  set_config('synchronous_commit',
             case when current_setting('synchronous_commit') in ('off', 'local') then 'on'
                  else current_setting('synchronous_commit') end, false)) as applied
