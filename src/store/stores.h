#pragma once

#include "store/claims/lease_store.h"
#include "store/history_store.h"
#include "store/job_store.h"
#include "store/list_store.h"
#include "store/operator_store.h"
#include "store/progress_store.h"
#include "store/queue_store.h"
#include "store/state_store.h"
#include "store/token_store.h"
#include "store/upkeep_store.h"
#include "store/work_signal.h"
#include "store/worker_store.h"

namespace djps::store {

/// All statements, by subject. The pools must outlive it.
struct Stores {
  explicit Stores(pg::Pool& pool) : Stores(SubmissionPools{pool, pool, pool}, pool) {}
  /// `slow` is for statements that may take seconds and that no caller waits for.
  Stores(const SubmissionPools& pools, pg::Pool& slow)
      : jobs(pools),
        // A worker over HTTP that gets an empty answer may not ask again soon.
        leases(LeasePools{pools.plain, pools.plain, slow}, LookPace{.empty = {}}),
        operators(pools.plain, pools.waiting),
        tokens(pools.plain),
        upkeep(pools.plain),
        workers(pools.plain),
        progress(pools.plain),
        lists(pools.plain),
        states(pools.plain),
        queues(pools.plain),
        signal(pools.plain),
        history(pools.plain) {}

  JobStore jobs;
  LeaseStore leases;
  OperatorStore operators;
  TokenStore tokens;
  UpkeepStore upkeep;
  WorkerStore workers;
  ProgressStore progress;
  ListStore lists;
  StateStore states;
  QueueStore queues;
  WorkSignal signal;
  HistoryStore history;
};

}  // namespace djps::store
