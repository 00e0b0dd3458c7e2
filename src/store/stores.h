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

/// Every statement there is, by subject. The pools must outlive it.
struct Stores {
  explicit Stores(pg::Pool& pool) : Stores(pool, pool) {}
  /// `slow` is for what may take seconds and keeps nobody waiting.
  Stores(pg::Pool& pool, pg::Pool& slow)
      : jobs(pool),
        leases(LeasePools{pool, pool, slow}),
        operators(pool),
        tokens(pool),
        upkeep(pool),
        workers(pool),
        progress(pool),
        lists(pool),
        states(pool),
        queues(pool),
        signal(pool),
        history(pool) {}

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
