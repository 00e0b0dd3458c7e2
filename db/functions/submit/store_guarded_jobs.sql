-- Stores jobs as djps.store_jobs does, unless the answer for one of them is a job that the caller may
-- not be answered with. Then nothing is stored, and the only row is the first such answer. Its outcome
-- says why:
--   hidden   the job that is there is in none of `p_queues`, the queues of the caller (empty: all)
--   differs  `p_strict`, and its key names a job with another payload
--
-- A job whose key outlived it is hidden from nobody: its queue is not known any more.
-- Locks: as djps.store_jobs. Cost: as that, plus one subtransaction.
create or replace function djps.store_guarded_jobs(
  p_lane   smallint,
  p_ids    uuid[],
  p_jobs   djps.new_job[],
  p_strict boolean,
  p_queues text[]
) returns setof djps.submission
language plpgsql volatile
as $$
declare
  v_stored  djps.submission[];
  v_refused djps.submission;
begin
  begin
    v_stored := array(select s from djps.store_jobs(p_lane, p_ids, p_jobs) s);

    select s.n, s.id, t.trouble, s.payload_differs, null::timestamptz, null::timestamptz
    into v_refused
    from unnest(v_stored) s
    cross join lateral (
      select case
        when cardinality(p_queues) > 0 and s.outcome <> 'created'
          and (select f.queue from djps.facts f where f.id = s.id and f.lane = p_lane) <> all (p_queues)
          then 'hidden'
        when p_strict and s.outcome = 'replayed' and s.payload_differs
          then 'differs'
      end
    ) t (trouble)
    where t.trouble is not null
    order by s.n
    limit 1;

    if found then
      raise exception 'refused: %', v_refused.outcome using errcode = 'DJ004';
    end if;
  exception
    when sqlstate 'DJ004' then
      -- What was stored is rolled back; variables keep their values.
      v_stored := array[v_refused];
  end;
  return query select * from unnest(v_stored);
end
$$;
