// pgmq as SQL: https://github.com/pgmq/pgmq. It has no worker; this is the simplest loop.
import fs from 'node:fs';
import { freshDatabase, jsonProducer, pool, sql } from './common.mjs';

const database = 'bench_pgmq';

// "best": read many (as many as our worker claims), archive (or delete) many: https://pgmq.github.io/pgmq/api/sql/functions
// "default": one message at a time, as its README shows.
const shape = (tuning, concurrency) =>
  tuning === 'best'
    ? { loops: 4, count: 500, pollMs: 10 }
    : { loops: concurrency, count: 1, pollMs: 100 };

export default {
  database,
  submitSql: "select pgmq.send('q', '{}'::jsonb)", // what a held writer has done
  async init() {
    await freshDatabase(database);
    await sql(
      database,
      'create schema if not exists pgmq',
      fs.readFileSync(process.env.PGMQ_SQL, 'utf8'),
      "select pgmq.create('q')",
    );
  },
  async producer(clients) {
    const one = "select pgmq.send('q', $1::jsonb)";
    const many = "select count(*) from pgmq.send_batch('q', $1::jsonb[])";
    return jsonProducer(database, clients, one, many);
  },
  async consumer(tuning, concurrency, handle) {
    const { loops, count, pollMs } = shape(tuning, concurrency);
    const connections = pool(database, loops);
    const read = `select msg_id, message from pgmq.read('q', 30, ${count})`;
    const poll = `select msg_id, message from pgmq.read_with_poll('q', 30, ${count}, 1, ${pollMs})`;
    const end = "select count(*) from pgmq.archive('q', $1::bigint[])";
    let stop = false;
    const loop = async () => {
      while (!stop) {
        let got = await connections.query({ name: 'r', text: read });
        if (!got.rowCount) got = await connections.query({ name: 'p', text: poll });
        if (!got.rowCount) continue;
        for (const row of got.rows) handle(row.message);
        const ids = got.rows.map((row) => row.msg_id);
        await connections.query({ name: 'e', text: end, values: [ids] });
      }
    };
    const running = Array.from({ length: loops }, loop);
    return async () => {
      stop = true;
      await Promise.all(running);
      await connections.end();
    };
  },
};
