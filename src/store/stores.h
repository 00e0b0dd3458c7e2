#pragma once

#include "store/history_store.h"
#include "store/job_store.h"
#include "store/lease_store.h"
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

/// Every statement there is, by subject, over one pool. The pool must outlive it.
struct Stores {
  explicit Stores(pg::Pool& pool)
      : jobs(pool),
        leases(pool),
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
