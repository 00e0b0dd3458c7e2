#pragma once

#include "djps/job.h"
#include "pg/result.h"

namespace djps::store {

/// One row of find_job or find_jobs, which have the same columns.
JobRecord ReadJob(const pg::Row& row);

}  // namespace djps::store
