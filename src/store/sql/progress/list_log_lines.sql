-- list_log_lines(int2, uuid, int2, int4, int4, int4)
-- Lists the lines that an attempt wrote after line $4, oldest first, until they have $6 bytes; at
-- least one. Works while the attempt runs.
--
-- $1 lane     int2
-- $2 job      uuid
-- $3 attempt  int2  0: the latest one that wrote any
-- $4 after    int4
-- $5 limit    int4
-- $6 bytes    int4  of the messages as JSON
-- Returns: attempt int2, line int4, at timestamptz, level text, message text, found int8
-- found: how many lines there are, $5 at most. More than the rows: the bytes ended the page.
--
-- Locks: none. Index: log_lines_pkey. Cost: O(limit). Safe to repeat: yes.
select c.attempt, c.line, c.at, c.level, c.message, c.found
from (
  select l.*,
         row_number() over oldest as place,
         count(*) over () as found,
         sum(octet_length(to_json(l.message)::text)) over oldest as bytes
  from (
    select w.attempt, w.line, w.at, w.level, w.message
    from djps.log_lines w
    where w.job_id = $2
      and w.lane = $1
      and w.attempt = case when $3 > 0 then $3 else (
        select l.attempt
        from djps.log_lines l
        where l.job_id = $2 and l.lane = $1
        order by l.attempt desc
        limit 1
      ) end
      and w.line > $4
    order by w.line
    limit $5
  ) l
  window oldest as (order by l.line)
) c
where c.bytes <= $6 or c.place = 1
order by c.line
