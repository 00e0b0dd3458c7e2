// What the adapters share. The environment says where Postgres is: PGHOST, PGPORT, PGUSER.
import fs from 'node:fs';
import path from 'node:path';
import pg from 'pg';

/** Folder for the files of Redis and beanstalkd: on the disk that Postgres has its data on. */
export const scratch = process.env.BENCH_SCRATCH;

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export const nowUs = () => Number(process.hrtime.bigint() / 1000n);

/** About 100 bytes, as the jobs of `djps bench`; `t` is when the job should be sent. */
export const payload = (i, t = 0) => ({
  i,
  t,
  to: 'someone@example.com',
  subject: 'hello',
  body: 'lorem ipsum dolor',
});
export const payloads = (count) => Array.from({ length: count }, (_, i) => payload(i));

export const connection = (database, max = 10) => ({
  host: process.env.PGHOST,
  port: Number(process.env.PGPORT),
  user: process.env.PGUSER,
  database,
  max,
});

export function pool(database, max) {
  const made = new pg.Pool(connection(database, max));
  made.on('error', () => {});
  made.on('connect', (client) => client.on('error', () => {}));
  return made;
}

/** Submits by two statements, one with a JSON text, one with an array of them. */
export function jsonProducer(database, clients, one, many) {
  const connections = pool(database, clients);
  const json = (job) => JSON.stringify(job);
  return {
    one: (job) => connections.query({ name: 's', text: one, values: [json(job)] }),
    batch: (jobs) => connections.query({ name: 'b', text: many, values: [jobs.map(json)] }),
    close: () => connections.end(),
  };
}

/** Runs statements one after another and gives back the last result. */
export async function sql(database, ...statements) {
  const client = new pg.Client(connection(database));
  await client.connect();
  try {
    let result;
    for (const statement of statements) result = await client.query(statement);
    return result;
  } finally {
    await client.end();
  }
}

export async function freshDatabase(database) {
  await sql(
    'postgres',
    `drop database if exists ${database} with (force)`,
    `create database ${database}`,
  );
}

export async function waitForFile(name) {
  for (let tries = 0; tries < 200 && !fs.existsSync(name); tries++) await sleep(50);
}

export const scratchFolder = (name) => fs.mkdtempSync(path.join(scratch, `${name}-`));
