-- Says why a JSON value is not a valid time of a job: RFC 3339 with an offset, in the years 1970 to
-- 9999. Null: it is one. Claims could not add to a later or infinite time.
create or replace function djps.time_trouble(p_value jsonb) returns text
language plpgsql stable parallel safe
as $$
declare
  v_text    text := p_value #>> '{}';
  v_trouble text := format('must be a time in the years 1970 to 9999, such as 2030-01-31T08:00:00Z '
                           '(RFC 3339), got %s', djps.shown(p_value));
begin
  if jsonb_typeof(p_value) <> 'string'
    or v_text !~ ('^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt ]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)'
                  '(\.\d{1,64})?([Zz]|[+-](0\d|1[0-5]):[0-5]\d)$')
    or v_text < '1969'
    -- The last day of the month, so that the cast below cannot fail.
    or substr(v_text, 9, 2)::integer
       > extract(day from (substr(v_text, 1, 8) || '01')::date + interval '1 month' - interval '1 day')
    or v_text::timestamptz < '1970-01-01 00:00:00+00'
    or v_text::timestamptz >= '10000-01-01 00:00:00+00'
  then
    return v_trouble;
  end if;
  return null;
end
$$;
