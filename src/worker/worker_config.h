#pragma once

#include "djps/worker.h"
#include "store/worker_store.h"
#include "worker/registry.h"

namespace djps::worker {

/// Fills in the name. Throws std::invalid_argument naming the field that is not allowed.
WorkerConfig Checked(WorkerConfig config);

/// What people see of this worker.
store::WorkerReport Describe(const WorkerConfig& config, const Registry& registry);

}  // namespace djps::worker
