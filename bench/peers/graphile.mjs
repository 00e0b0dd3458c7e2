// graphile-worker: https://worker.graphile.org
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import { freshDatabase, pool } from './common.mjs';

const database = 'bench_graphile';

// "best": https://worker.graphile.org/docs/performance and its own perfTest in the repository.
//   localQueue            claims many jobs at once for all workers of a process
//   completeJobBatchDelay 0: completions are gathered, without waiting for more
const worker = (tuning, concurrency) =>
  tuning === 'best'
    ? {
        concurrentJobs: concurrency,
        localQueue: { size: 500, refetchDelay: { durationMs: 10 } },
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
      }
    : { concurrentJobs: concurrency };

export default {
  database,
  submitSql: "select graphile_worker.add_job('email', '{}'::json)", // what a held writer has done
  async init() {
    await freshDatabase(database);
    const connections = pool(database, 2);
    const utils = await makeWorkerUtils({ pgPool: connections });
    await utils.migrate();
    await utils.release();
    await connections.end();
  },
  async producer(clients) {
    const connections = pool(database, clients);
    const utils = await makeWorkerUtils({ pgPool: connections });
    return {
      one: (job) => utils.addJob('email', job),
      batch: (jobs) => utils.addJobs(jobs.map((job) => ({ identifier: 'email', payload: job }))),
      close: async () => {
        await utils.release();
        await connections.end();
      },
    };
  },
  async consumer(tuning, concurrency, handle) {
    const connections = pool(database, concurrency + 1);
    const runner = await run({
      pgPool: connections,
      noHandleSignals: true,
      preset: { worker: worker(tuning, concurrency) },
      logger: new Logger(() => () => {}),
      taskList: { email: async (job) => handle(job) },
    });
    return async () => {
      await runner.stop();
      await connections.end();
    };
  },
};
