-- Tells workers that wait for jobs of these queues to look, once the caller's transaction commits.
create or replace function djps.notify_workers(p_queues text[]) returns void
language sql volatile
as $$ select pg_notify('djps_work', q.queue) from (select distinct unnest(p_queues)) q (queue) $$;
