insert into ceiling.plain (type, payload) values ('email', jsonb
  '{"to": "someone@example.com", "subject": "hello", "body": "lorem ipsum dolor sit amet"}');
