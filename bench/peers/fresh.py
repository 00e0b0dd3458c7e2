"""What the peers that are Python libraries share."""

import psycopg

JOB = {"to": "someone@example.com", "subject": "hello", "body": "lorem ipsum dolor"}


async def fresh_database(name):
    admin = await psycopg.AsyncConnection.connect("dbname=postgres", autocommit=True)
    async with admin:
        await admin.execute(f"drop database if exists {name} with (force)")
        await admin.execute(f"create database {name}")
