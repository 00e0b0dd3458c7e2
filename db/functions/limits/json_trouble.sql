-- Says why a JSON value cannot be stored in a field of `p_bytes_max` bytes, as "must be ..."; null:
-- it can. The size is that of its text without white space, all numbers written out: jsonb keeps
-- 1e1000 in a few bytes and prints 1,001. The same rule in C++: src/core/job_rules.h.
--
-- Nothing is printed before its size is known to be small. So the numbers are checked first, one by
-- one.
create or replace function djps.json_trouble(p_json jsonb, p_bytes_max integer) returns text
language plpgsql immutable parallel safe
as $$
declare
  v_text    text;
  v_bytes   bigint := 0;
  v_number  jsonb;
  v_trouble text := format('must be at most %s bytes of JSON, its numbers written out', p_bytes_max);
begin
  -- 64 bytes cannot hold a mebibyte in eight numbers, nor 65 levels.
  if p_json is null
    or (pg_column_size(p_json) < 64 and pg_column_compression(p_json) is null and p_bytes_max >= 1048576)
  then
    return null;
  end if;
  -- Two characters of text, such as "1,", take at most 12 bytes in jsonb.
  if pg_column_size(p_json) > p_bytes_max::bigint * 8 then
    return v_trouble;
  end if;
  if jsonb_path_exists(p_json, 'strict $.**{64} ? (@.type() == "array" || @.type() == "object")') then
    return 'nests deeper than 64 levels';
  end if;
  for v_number in
    -- As an array, because the time of jsonb_path_query grows with the square of the number of items.
    select n
    from jsonb_array_elements(
      jsonb_path_query_array(p_json, 'strict $.** ? (@.type() == "number")')) n
  loop
    v_bytes := v_bytes + octet_length(v_number::text);
    if v_bytes > p_bytes_max then
      return v_trouble;
    end if;
  end loop;

  v_text := p_json::text;
  v_bytes := octet_length(v_text);
  if v_bytes > p_bytes_max and v_bytes * 2 <= p_bytes_max::bigint * 3 then
    -- jsonb prints a space after each comma and colon: at most one in three characters.
    v_text := regexp_replace(v_text, '"(\\.|[^"\\])*"', '', 'g');
    v_bytes := v_bytes - (octet_length(v_text) - octet_length(replace(v_text, ' ', '')));
  end if;
  return case when v_bytes > p_bytes_max then v_trouble end;
end
$$;
