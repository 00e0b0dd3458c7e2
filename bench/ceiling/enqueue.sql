with stored as (
  insert into ceiling.facts (id, type, payload)
  select ceiling.next_id(), 'email', jsonb
         '{"to": "someone@example.com", "subject": "hello", "body": "lorem ipsum dolor sit amet"}'
  from generate_series(1, :n)
  returning id, queue, priority, run_at
)
insert into ceiling.ready (id, queue, priority, visible_at) select * from stored;
