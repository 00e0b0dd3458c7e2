-- Returns the place that a unique job needs: its hash, the states in which the job counts, and when it
-- stops counting whatever its state (null: never). Every way to submit a unique job, to bring it back,
-- or to change its payload asks this function.
--
-- Without fields and key the whole payload counts. With a period and without states, a succeeded job
-- also counts, until the period since its submission is over.
create or replace function djps.unique_place(
  p_type text, p_queue text, p_payload jsonb, p_unique jsonb, p_created_at timestamptz,
  out hash uuid, out states djps.job_status[], out expires_at timestamptz)
language sql stable
as $$
  select
    djps.unique_hash(p_type, p_queue, p_payload, p_unique),
    case
      when p_unique ? 'states'
        then array(select jsonb_array_elements_text(p_unique -> 'states'))::djps.job_status[]
      when p_unique ? 'period_ms' then '{queued,running,failed,succeeded}'
      else '{queued,running,failed}'
    end::djps.job_status[],
    p_created_at + interval '1 millisecond' * (p_unique ->> 'period_ms')::double precision;
$$;
