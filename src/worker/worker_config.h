#pragma once

#include "djps/worker.h"
#include "store/worker_store.h"
#include "worker/registry.h"

namespace djps::worker {

/// Sets the default name. Throws std::invalid_argument, naming the wrong field.
WorkerConfig Checked(WorkerConfig config);

/// The worker's description for people.
store::WorkerReport Describe(const WorkerConfig& config, const Registry& registry);

}  // namespace djps::worker
