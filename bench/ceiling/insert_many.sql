insert into ceiling.plain (type, payload)
select 'email',
       '{"to": "someone@example.com", "subject": "hello", "body": "lorem ipsum dolor sit amet"}'::jsonb from generate_series(1, 1000);
