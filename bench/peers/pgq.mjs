// PgQ: https://github.com/pgq/pgq. Batches with one acknowledgement: no state of single jobs.
import { freshDatabase, jsonProducer, pool, sleep, sql } from './common.mjs';

const database = 'bench_pgq';

// "default": what pgqd does, one tick a second. "best": ticks of 20 ms; the settings are those of
// https://github.com/pgq/pgq/blob/master/docs (ticker_max_lag, ticker_max_count).
export default {
  database,
  async init() {
    await freshDatabase(database);
    await sql(
      database,
      'create extension pgq',
      "select pgq.create_queue('q')",
      "select pgq.register_consumer('q', 'c')",
    );
  },
  async producer(clients) {
    const one = "select pgq.insert_event('q', 'email', $1)";
    const many = "select count(pgq.insert_event('q', 'email', d)) from unnest($1::text[]) d";
    return jsonProducer(database, clients, one, many);
  },
  async consumer(tuning, _concurrency, handle) {
    const best = tuning === 'best';
    const connections = pool(database, 2);
    if (best) {
      await connections.query(`
        select pgq.set_queue_config('q', 'ticker_max_lag', '20 milliseconds'),
               pgq.set_queue_config('q', 'ticker_max_count', '1')`);
    }
    let stop = false;
    const tick = async () => {
      while (!stop) {
        await connections.query({ name: 't', text: 'select pgq.ticker()' });
        await sleep(best ? 20 : 1000);
      }
    };
    const consume = async () => {
      while (!stop) {
        const next = { name: 'n', text: "select pgq.next_batch('q', 'c') as id" };
        const { id } = (await connections.query(next)).rows[0];
        if (id === null) {
          await sleep(best ? 5 : 250);
          continue;
        }
        const get = 'select ev_data from pgq.get_batch_events($1)';
        const events = await connections.query({ name: 'g', text: get, values: [id] });
        for (const event of events.rows) handle(JSON.parse(event.ev_data));
        await connections.query({ name: 'f', text: 'select pgq.finish_batch($1)', values: [id] });
      }
    };
    const running = [tick(), consume()];
    return async () => {
      stop = true;
      await Promise.all(running);
      await connections.end();
    };
  },
};
