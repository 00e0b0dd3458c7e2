// One measurement of one system: node driver.mjs SYSTEM TUNING CELL JSON-OPTIONS
// Prints one line of JSON. bench/run calls it; see there for the cells and their options.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { connection, nowUs, payload, payloads, sleep, sql } from './common.mjs';

const [, , system, tuning, cell, text] = process.argv;
const options = JSON.parse(text);
const { default: peer } = await import(`./${system}.mjs`);

function startWorker(expected) {
  const script = fileURLToPath(new URL('./worker.mjs', import.meta.url));
  const process_ = fork(script, [system, tuning, String(options.concurrency), String(expected)]);
  const worker = { done: 0 };
  const events = {};
  for (const name of ['ready', 'drained', 'final']) {
    worker[name] = new Promise((resolve) => (events[name] = resolve));
  }
  process_.on('message', (message) => {
    if (message.done !== undefined) worker.done = message.done;
    events[message.type]?.(message);
  });
  process_.on('exit', () => Object.values(events).forEach((resolve) => resolve(null)));
  worker.stop = async () => {
    process_.send('stop');
    const final = await Promise.race([worker.final, sleep(8000)]);
    process_.kill('SIGKILL');
    if (!final) throw new Error('the worker did not stop');
    return final;
  };
  return worker;
}

/** Submits `count` jobs in batches, or one by one where there are none. */
async function submit(producer, count) {
  if (!producer.batch) {
    for (let i = 0; i < count; i += 500) {
      await Promise.all(payloads(Math.min(500, count - i)).map((job) => producer.one(job)));
    }
    return;
  }
  let sent = 0;
  const loop = async () => {
    while (sent < count) {
      const size = Math.min(1000, count - sent);
      sent += size;
      await producer.batch(payloads(size));
    }
  };
  await Promise.all([loop(), loop()]);
}

async function logPosition() {
  if (!peer.database) return null;
  const { rows } = await sql(peer.database, "select pg_current_wal_insert_lsn() - '0/0' as at");
  return Number(rows[0].at);
}

const perJob = (from, to, jobs) => (from === null ? null : Math.round((to - from) / jobs));

async function enqueue() {
  const { clients, batch, seconds } = options;
  const producer = await peer.producer(Math.min(clients, 16), true);
  if (batch > 1 && !producer.batch) return { unsupported: 'it takes one job per call' };
  const call = batch > 1 ? () => producer.batch(payloads(batch)) : () => producer.one(payload(1));
  for (let i = 0; i < (batch > 1 ? 2 : 100); i++) await call();
  const log = await logPosition();
  const begin = nowUs();
  let jobs = 0;
  const loop = async () => {
    while (nowUs() < begin + seconds * 1e6) {
      await call();
      jobs += batch;
    }
  };
  await Promise.all(Array.from({ length: clients }, loop));
  const took = (nowUs() - begin) / 1e6;
  const written = perJob(log, await logPosition(), jobs);
  await producer.close();
  return { jobs, seconds: took, jobs_per_s: jobs / took, wal_bytes_per_job: written };
}

async function drain() {
  const jobs = Math.min(options.jobs, peer.drainJobsMax ?? Infinity);
  const producer = await peer.producer(4);
  const log = await logPosition();
  await submit(producer, jobs);
  await producer.close();
  const worker = startWorker(jobs);
  await worker.ready;
  await Promise.race([worker.drained, sleep(options.cap * 1000)]);
  const final = await worker.stop();
  if (final.done === 0) throw new Error('no job was done');
  const written = final.done >= jobs ? perJob(log, await logPosition(), jobs) : null;
  const seconds = (final.last - final.start) / 1e6;
  return {
    jobs: final.done,
    seconds,
    jobs_per_s: final.done / seconds,
    jobs_per_s_from_first_job: final.done / ((final.last - final.first) / 1e6),
    wal_bytes_per_job: written,
    worker_peak_memory_bytes: final.memory,
  };
}

/** What `djps bench continuous` holds: a snapshot with a transaction id, or a writer. */
async function hold() {
  const client = new pg.Client(connection(peer.database));
  await client.connect();
  const level = options.hold === 'snapshot' ? 'isolation level repeatable read' : '';
  await client.query(`begin ${level}`);
  await client.query('select pg_current_xact_id()');
  if (options.hold === 'writer' && peer.submitSql) await client.query(peer.submitSql);
  return client;
}

/** Holds from `holdAfter` on for `holdFor`; both in seconds since `begin`. */
async function heldSpan(begin) {
  const since = () => (nowUs() - begin) / 1e6;
  await sleep((options.holdAfter - since()) * 1000);
  const held = await hold();
  const from = since();
  await sleep((options.holdAfter + options.holdFor - since()) * 1000);
  await held.end();
  return { held_from_s: from, held_to_s: since() };
}

/** Keeps `outstanding` jobs outstanding until `over`. */
async function keepSubmitting(producer, worker, state) {
  const size = producer.batch ? 200 : 1;
  const produce = async () => {
    while (!state.over) {
      if (state.sent - worker.done + size > options.outstanding) {
        await sleep(1);
        continue;
      }
      state.sent += size;
      await (producer.batch ? producer.batch(payloads(size)) : producer.one(payload(1)));
    }
  };
  await Promise.all(Array.from({ length: producer.batch ? 2 : 16 }, produce));
}

async function continuous() {
  if (options.hold && !peer.database) return { unsupported: 'it has no snapshots' };
  const producer = await peer.producer(16);
  const worker = startWorker(-1);
  await worker.ready;
  const state = { sent: 0, over: false };
  let failure = null;
  const producers = keepSubmitting(producer, worker, state).catch((error) => (failure = error));
  // As everywhere: what comes before the first finished job is no part of the first window.
  for (let i = 0; i < 20_000 && worker.done === 0 && !failure; i++) await sleep(1);
  const begin = nowUs();
  const beganAt = Date.now() / 1000;
  const span = options.hold ? heldSpan(begin).catch((error) => (failure = error)) : null;
  const marks = [worker.done];
  for (let i = 1; i <= options.seconds / options.window; i++) {
    await sleep((begin + i * options.window * 1e6 - nowUs()) / 1000);
    marks.push(worker.done);
  }
  state.over = true;
  await Promise.race([producers, sleep(5000)]);
  const final = await worker.stop();
  const held = await span;
  if (failure) throw failure;
  await Promise.race([producer.close(), sleep(2000)]);
  const jobs = marks.at(-1) - marks[0];
  return {
    jobs,
    jobs_per_s: jobs / options.seconds,
    began_at_unix_s: beganAt,
    windows_jobs_per_s: marks.slice(1).map((mark, i) => (mark - marks[i]) / options.window),
    ...held,
    worker_peak_memory_bytes: final.memory,
  };
}

const shares = { p50: 0.5, p90: 0.9, p99: 0.99, p99_9: 0.999, max: 1 };

/** In milliseconds. */
function quantiles(times) {
  const sorted = times.sort((a, b) => a - b);
  const at = (share) => sorted[Math.ceil(share * sorted.length) - 1] / 1000;
  return Object.fromEntries(Object.entries(shares).map(([name, share]) => [name, at(share)]));
}

async function latency() {
  const { rate, seconds, warmUp } = options;
  const producer = await peer.producer(16);
  const worker = startWorker(-1);
  await worker.ready;
  // Connections and code are warm before the schedule begins, which must not start with a backlog.
  for (let i = 0; i < 50; i++) await Promise.all(payloads(16).map((job) => producer.one(job)));
  const warmed = 50 * 16;
  for (let i = 0; i < 60 && worker.done < warmed; i++) await sleep(50);
  const gap = 1e6 / rate;
  const begin = nowUs() + 1000;
  const total = rate * (seconds + warmUp);
  const calls = [];
  const acknowledged = [];
  let failure = null;
  for (let next = 0; next < total; ) {
    // Everything that is due, whatever came of those before; the time counts from when it was due.
    for (; next < total && begin + next * gap <= nowUs(); next++) {
      const due = next < rate * warmUp ? 0 : Math.round(begin + next * gap);
      calls.push(
        producer.one(payload(next, due)).then(
          () => due && acknowledged.push(nowUs() - due),
          (error) => (failure = error),
        ),
      );
    }
    const wait = begin + next * gap - nowUs();
    if (wait > 1500) await sleep(Math.floor(wait / 1000));
    else await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(calls);
  // As long as `djps bench` waits for its own.
  for (let i = 0; i < 600 && worker.done < warmed + total; i++) await sleep(50);
  const final = await worker.stop();
  await producer.close();
  if (failure) throw failure;
  const expected = total - Math.ceil(rate * warmUp);
  if (final.latencies.length < expected) {
    throw new Error(`${expected - final.latencies.length} of ${expected} jobs were not picked up`);
  }
  return {
    jobs: total,
    measured: expected,
    pickup_ms: quantiles(final.latencies),
    acknowledged_ms: quantiles(acknowledged),
  };
}

await peer.init(tuning);
try {
  const result = await { enqueue, drain, continuous, latency }[cell]();
  console.log(JSON.stringify(result));
} finally {
  await peer.shutdown?.();
}
process.exit(0);
