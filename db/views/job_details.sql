-- djps.job_details: a job as the API shows it, with its latest error and the last progress report of
-- its latest attempt.
create view djps.job_details as
select j.*, e.last_error, p.progress
from djps.jobs j
left join lateral (
  select jsonb_build_object('class', a.error_class, 'message', a.message, 'detail', a.detail,
                            'attempt', a.attempt, 'worker', a.worker,
                            'ended_at', a.ended_at) as last_error
  from djps.attempts a
  where a.job_id = j.id
  order by a.ended_at desc
  limit 1
) e on true
left join lateral (
  select jsonb_build_object('percent', w.percent, 'message', w.message,
                            'updated_at', w.updated_at) as progress
  from djps.progress w
  where w.job_id = j.id and w.lane = djps.lane_of(j.id) and w.attempt >= j.attempts
) p on true;
