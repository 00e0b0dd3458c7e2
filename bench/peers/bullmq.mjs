// BullMQ on Redis: https://docs.bullmq.io. Redis syncs each write (appendfsync always), so that an
// answer means as much as a commit of Postgres:
// https://redis.io/docs/latest/operate/oss_and_stack/management/persistence
import { spawn } from 'node:child_process';
import path from 'node:path';
import { scratch, scratchFolder, sleep, waitForFile } from './common.mjs';

const socket = path.join(scratch, 'redis.sock');

async function connect() {
  const { default: Redis } = await import('ioredis');
  return new Redis({ path: socket, maxRetriesPerRequest: null });
}

// "best": https://docs.bullmq.io/guide/workers/concurrency
// and https://docs.bullmq.io/guide/queues/auto-removal-of-jobs
const options = (tuning, concurrency) =>
  tuning === 'best'
    ? { concurrency: 200, removeOnComplete: { count: 0 } }
    : { concurrency };

export default {
  async init() {
    const args = `--port 0 --unixsocket ${socket} --appendonly yes --appendfsync always`;
    const folder = scratchFolder('redis');
    const more = ['--dir', folder, '--save', '', '--maxmemory-policy', 'noeviction'];
    this.server = spawn('redis-server', [...args.split(' '), ...more], { stdio: 'ignore' });
    await waitForFile(socket);
    await sleep(200);
  },
  async shutdown() {
    this.server.kill();
    await sleep(300);
  },
  async producer() {
    const { Queue } = await import('bullmq');
    const redis = await connect();
    const queue = new Queue('q', { connection: redis });
    return {
      one: (job) => queue.add('email', job),
      batch: (jobs) => queue.addBulk(jobs.map((data) => ({ name: 'email', data }))),
      close: async () => {
        await queue.close();
        redis.disconnect();
      },
    };
  },
  async consumer(tuning, concurrency, handle) {
    const { Worker } = await import('bullmq');
    const redis = await connect();
    const worker = new Worker('q', async (job) => handle(job.data), {
      connection: redis,
      ...options(tuning, concurrency),
    });
    worker.on('error', () => {});
    return async () => {
      await worker.close(true);
      redis.disconnect();
    };
  },
};
