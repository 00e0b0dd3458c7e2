// pg-boss: https://timgit.github.io/pg-boss
import { PgBoss } from 'pg-boss';
import { connection, freshDatabase } from './common.mjs';

const database = 'bench_pgboss';

async function start(max, options = {}) {
  const boss = new PgBoss({ ...connection(database, max), ...options });
  boss.on('error', () => {});
  await boss.start();
  return boss;
}

// "best": https://timgit.github.io/pg-boss/#/./api/workers and .../api/constructor
//   batchSize, burstWhenBatchFull  fetch and complete many at once, the next without a pause
//   notify, useListenNotify        wake up by LISTEN/NOTIFY instead of polling each 2 s; left out
//                                  where only submitting is measured, which it makes slower
const options = (tuning, concurrency) =>
  tuning === 'best'
    ? {
        localConcurrency: 4,
        batchSize: 500,
        burstWhenBatchFull: true,
      }
    : { localConcurrency: concurrency };

export default {
  database,
  async init(tuning) {
    await freshDatabase(database);
    const boss = await start(2);
    await boss.createQueue('q', tuning === 'best' ? { notify: true } : {});
    await boss.stop({ graceful: false });
  },
  async producer(clients, submitsOnly = false) {
    const boss = await start(clients, { supervise: false, schedule: false });
    if (submitsOnly) await boss.updateQueue('q', { notify: false });
    return {
      one: (job) => boss.send('q', job),
      batch: (jobs) =>
        boss.insert(
          'q',
          jobs.map((data) => ({ data })),
        ),
      close: () => boss.stop({ graceful: false }),
    };
  },
  async consumer(tuning, concurrency, handle) {
    const best = tuning === 'best';
    const boss = await start(best ? 10 : concurrency + 2, best ? { useListenNotify: true } : {});
    await boss.work('q', options(tuning, concurrency), async (jobs) => {
      for (const job of jobs) handle(job.data);
    });
    return () => boss.stop({ graceful: false });
  },
};
