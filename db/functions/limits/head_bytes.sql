-- Returns the first bytes of a text, at most `p_bytes_max`, cut between two characters.
create or replace function djps.head_bytes(p_text text, p_bytes_max integer) returns text
language plpgsql immutable parallel safe
as $$
declare
  v_bytes bytea;
  v_end   integer := p_bytes_max;
begin
  if octet_length(p_text) <= p_bytes_max then
    return p_text;
  end if;
  v_bytes := convert_to(left(p_text, p_bytes_max), 'UTF8');
  -- 10xxxxxx: the next byte continues a character.
  while octet_length(v_bytes) > v_end and get_byte(v_bytes, v_end) & 192 = 128 loop
    v_end := v_end - 1;
  end loop;
  return convert_from(substring(v_bytes from 1 for v_end), 'UTF8');
end
$$;
