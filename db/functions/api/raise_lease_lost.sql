-- Raises DJ001, with the hint to roll back.
create or replace function djps.raise_lease_lost(p_job uuid, p_lease uuid) returns void
language plpgsql
as $$
begin
  raise exception 'the lease % on job % is not held any more', p_lease, p_job
    using errcode = 'DJ001',
          hint = 'It expired or the job was finished. Roll back: another worker may run the job.';
end
$$;
