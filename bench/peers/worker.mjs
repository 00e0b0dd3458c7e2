// The process that works; driver.mjs starts it: node worker.mjs SYSTEM TUNING CONCURRENCY EXPECTED
import fs from 'node:fs';
import { nowUs } from './common.mjs';

const [, , system, tuning, concurrency, expected] = process.argv;
const { default: peer } = await import(`./${system}.mjs`);

let done = 0;
let first = 0;
let last = 0;
const latencies = [];
const start = nowUs();

function handle(job) {
  const now = nowUs();
  if (done === 0) first = now;
  done++;
  last = now;
  if (job.t > 0) latencies.push(now - job.t);
  if (done === Number(expected)) setImmediate(() => process.send({ type: 'drained', done }));
}

// A driver that was killed takes its worker along.
process.on('disconnect', () => process.exit(1));

const stop = await peer.consumer(tuning, Number(concurrency), handle);
process.send({ type: 'ready' });
const ticks = setInterval(() => process.send({ type: 'tick', done }), 5);

process.on('message', async () => {
  clearInterval(ticks);
  const peak = /VmHWM:\s+(\d+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'));
  const final = { type: 'final', done, start, first, last, latencies, memory: peak[1] * 1024 };
  await Promise.race([stop(), new Promise((resolve) => setTimeout(resolve, 4000))]).catch(() => {});
  process.send(final, () => process.exit(0));
});
