-- Appends lines to the log of a running attempt, if its lease still holds. It drops the oldest lines
-- beyond 1,000, because the end of a log says why an attempt ended. No row: the lease is lost.
--
-- Locks: the lease row, until the caller's transaction ends. So two writers number their lines one
-- after the other, and no other worker gets the job meanwhile.
create or replace function djps.write_log_lines(
  p_lane     smallint,
  p_lease    uuid,
  p_job      uuid,
  p_levels   text[],
  p_messages text[]
) returns table (attempt smallint, last_line integer)
language plpgsql volatile
as $$
declare
  v_attempt smallint;
  v_last    integer;
begin
  select l.attempts[array_position(l.job_ids, p_job)] into v_attempt
  from djps.leases l
  where l.lane = p_lane and l.id = p_lease and p_job = any (l.job_ids)
    and l.expires_at > clock_timestamp()
  for update;
  if not found then
    return;
  end if;

  select coalesce(max(w.line), 0) into v_last
  from djps.log_lines w
  where w.job_id = p_job and w.lane = p_lane and w.attempt = v_attempt;

  insert into djps.log_lines (job_id, at, line, lane, attempt, level, message)
  select p_job, clock_timestamp(), v_last + s.n, p_lane, v_attempt, s.level, s.message
  from unnest(p_levels, p_messages) with ordinality s (level, message, n);
  v_last := v_last + cardinality(p_levels);

  delete from djps.log_lines w
  where w.job_id = p_job and w.lane = p_lane and w.attempt = v_attempt
    and w.line <= v_last - 1000;

  return query select v_attempt, v_last;
end
$$;
