insert into ceiling.plain (type, payload) values ('email', '{"to": "someone@example.com", "subject": "hello", "body": "lorem ipsum dolor sit amet"}');
