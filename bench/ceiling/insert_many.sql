insert into ceiling.plain (type, payload)
select 'email', jsonb
       '{"to": "someone@example.com", "subject": "hello", "body": "lorem ipsum dolor sit amet"}'
from generate_series(1, 1000);
