-- Begins to merge four neighbouring parts when there are more than 12, so that their number stays
-- small however long jobs are kept: each statement that reads jobs costs a little for each partition.
-- Returns idle or began.
--
-- Which four: those that span the fewest days in all. None of them may span more than half of that,
-- so a merge doubles the size at least, and a job is copied only a few times. A merged part has at
-- most 50 million jobs, which bounds the disk space that a copy needs. Where succeeded jobs are kept
-- for some time, it spans at most an eighth of that time, because its first jobs wait for some of the
-- others (history_slack). The last eight days stay as they are: jobs that are kept for a week are gone
-- before. The measurement: docs/decisions/0012-years-of-jobs.md
create or replace function djps.history_choose_merge() returns text
language plpgsql
as $$
declare
  v_work djps.history_work;
begin
  with part as (
    select p.from_day, p.to_day, p.suffix, p.to_day - p.from_day as days,
           coalesce(p.kept, greatest(c.reltuples, 0)) as jobs,
           coalesce(p.merge_at, '-infinity') <= clock_timestamp() as ready
    from djps.history_parts p
    join pg_class c on c.oid = to_regclass('djps.facts_' || p.suffix)
    where (select count(*) from djps.history_parts) > 12
      and p.to_day <= (clock_timestamp() at time zone 'UTC')::date - 8
  ),

  four as (
    select min(from_day) over w as from_day, max(to_day) over w as to_day,
           array_agg(suffix) over w as sources, count(*) over w as parts, bool_and(ready) over w as ready,
           sum(days) over w as days, max(days) over w as longest, sum(jobs) over w as jobs
    from part
    window w as (order by from_day rows between 3 preceding and current row)
  )

  select f.from_day, f.to_day, f.sources into v_work.from_day, v_work.to_day, v_work.sources
  from four f
  cross join (select extract(epoch from r.keep) / 86400 as days from djps.retention r
              where r.queue = '*' and r.status = 'succeeded') most
  where f.parts = 4 and f.ready and f.longest * 2 <= f.days and f.jobs <= 50000000
    and (f.to_day - f.from_day <= greatest(8, most.days / 8)) is not false
    -- A row there would be in the way of the merged part.
    and not exists (select from djps.facts_default d
                    where d.id >= djps.day_floor(f.from_day) and d.id < djps.day_floor(f.to_day))
    and not exists (select from djps.outcomes_default d
                    where d.id >= djps.day_floor(f.from_day) and d.id < djps.day_floor(f.to_day))
    and not exists (select from djps.attempts_default d
                    where d.job_id >= djps.day_floor(f.from_day)
                      and d.job_id < djps.day_floor(f.to_day))
  order by f.days, f.from_day
  limit 1;
  if not found then
    return 'idle';
  end if;
  insert into djps.history_work (phase, from_day, to_day, sources, after_id)
  values ('survey', v_work.from_day, v_work.to_day, v_work.sources, djps.day_floor(v_work.from_day))
  returning * into v_work;
  perform djps.history_begin_copy(v_work);
  return 'began';
end
$$;
