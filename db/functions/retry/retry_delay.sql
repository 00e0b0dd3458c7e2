-- Returns the wait after attempt number `used` by a policy:
--   {"kind": "exponential", "base_ms": 1000, "factor": 2, "cap_ms": 3600000, "jitter": true}
--   {"kind": "linear", "delay_ms": 1000, "cap_ms": 3600000, "jitter": false}
--   {"kind": "fixed", "delay_ms": 1000, "jitter": false}
--   {"kind": "list", "delays_ms": [1000, 5000, 60000]}     the last one stays
-- A null policy is the default: exponential, as in djps.backoff_ceiling, with full jitter. A missing
-- cap_ms, base_ms or factor takes its default too.
create or replace function djps.retry_delay(policy jsonb, used integer) returns interval
language sql volatile parallel safe
as $$
  select
    case when coalesce((policy ->> 'jitter')::boolean,
                       coalesce(policy ->> 'kind', 'exponential') = 'exponential')
         then random() else 1 end
    * case policy ->> 'kind'
        when 'fixed' then interval '1 millisecond' * (policy ->> 'delay_ms')::double precision
        when 'linear' then
          djps.backoff_ceiling(1, (policy ->> 'delay_ms')::double precision * greatest(used, 1), null,
                               (policy ->> 'cap_ms')::double precision)
        when 'list' then
          interval '1 millisecond' * (policy -> 'delays_ms'
            ->> least(greatest(used, 1), jsonb_array_length(policy -> 'delays_ms')) - 1)::double precision
        else
          djps.backoff_ceiling(used, (policy ->> 'base_ms')::double precision,
                               (policy ->> 'factor')::double precision,
                               (policy ->> 'cap_ms')::double precision)
      end;
$$;
