#pragma once

#include <vector>

#include "djps/job.h"
#include "djps/uuid.h"
#include "pg/result.h"

namespace djps::store {

/// One row of find_job or find_jobs, which have the same columns.
JobRecord ReadJob(const pg::Row& row);

/// The first column, where it is an id.
std::vector<Uuid> ReadIds(const pg::Rows& rows);

}  // namespace djps::store
