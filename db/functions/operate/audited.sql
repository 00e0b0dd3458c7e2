-- Returns a payload as the audit keeps it: unchanged up to 1 KiB, else its size in bytes as a string.
-- So the audit stays readable, however large the edited payloads are.
create or replace function djps.audited(p_payload jsonb) returns jsonb
language sql immutable
as $$
  select case
    when octet_length(p_payload::text) > 1024
      then to_jsonb(format('%s bytes', octet_length(p_payload::text)))
    else p_payload
  end;
$$;
