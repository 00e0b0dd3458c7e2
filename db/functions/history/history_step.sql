-- Does the next small step of removing jobs past their retention, whichever process began the work.
-- Only one call works at a time. `done` says what the step was:
--   idle      nothing to do          busy      another process works on it
--   chosen    a part to look at      survey, copy, sweep   walked over `jobs` jobs of it
--   began     to copy what stays     left      too few of its jobs may go: later
--   caught_up with what changed      swapped   the copy is in place, the old parts are out
--   dropped   an old part            finished  with this part      abandoned  a copy
--   locked    another transaction held a lock for too long: try again later
--   failed    see the server's log; the copy is dropped and begun again after an hour
--
-- Locks: an advisory transaction lock, the row of history_work, and what the steps say. Safe to
-- repeat, and to interrupt at any point: yes.
create or replace function djps.history_step(p_rows integer default 2000, out done text, out jobs bigint)
language plpgsql volatile
set lock_timeout = '100ms'
as $$
declare
  v_work djps.history_work;
begin
  jobs := 0;
  if not pg_try_advisory_xact_lock(hashtextextended('djps.history', 0)) then
    done := 'busy';
    return;
  end if;
  begin
    select * into v_work from djps.history_work for update;
    if not found then
      done := djps.history_choose();
    elsif v_work.phase in ('survey', 'copy') then
      select w.done, w.jobs into done, jobs from djps.history_walk(v_work, p_rows) w;
    elsif v_work.phase = 'swap' then
      jobs := djps.history_catch_up(v_work, p_rows);
      done := case when jobs > 100 then 'caught_up'
                   when djps.history_swap(v_work) then 'swapped' else 'locked' end;
    elsif v_work.phase = 'sweep' then
      select w.done, w.jobs into done, jobs from djps.history_sweep(v_work, p_rows) w;
    else
      perform djps.history_abandon(v_work);
      done := 'abandoned';
    end if;
  exception
    when lock_not_available or deadlock_detected then
      done := 'locked';
      jobs := 0;
    when others then
      if v_work.phase is null or v_work.phase not in ('survey', 'copy', 'swap') then
        raise;
      end if;
      raise warning 'history of % to %: % (%)', v_work.from_day, v_work.to_day, sqlerrm, sqlstate;
      update djps.history_work set phase = 'abandon';
      update djps.history_parts p
      set check_at = clock_timestamp() + interval '1 hour',
          merge_at = clock_timestamp() + interval '1 hour'
      where p.from_day >= v_work.from_day and p.from_day < v_work.to_day;
      done := 'failed';
      jobs := 0;
  end;
end
$$;
