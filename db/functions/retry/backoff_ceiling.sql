-- Returns the longest wait after attempt number `used`: base_ms * factor^(used - 1), at most cap_ms.
-- The wait itself is drawn evenly from zero to this (djps.retry_delay). A null takes the default. The
-- defaults are only here in SQL: 1 s, doubling, at most 1 h.
--
-- Source: AWS Architecture Blog, "Exponential Backoff And Jitter" (2015), the variant "full jitter".
create or replace function djps.backoff_ceiling(
  used    integer,                                     -- attempts used so far, at least 1
  base_ms double precision default null,
  factor  double precision default null,
  cap_ms  double precision default null
) returns interval
language sql immutable parallel safe
as $$
  -- The exponent is bounded so that no attempt number can overflow a double.
  select interval '1 millisecond' * least(
    coalesce(cap_ms, 3600000),
    coalesce(base_ms, 1000) * coalesce(factor, 2) ^ least(greatest(used, 1) - 1, 60));
$$;
