#pragma once

#include <vector>

#include "djps/job.h"
#include "djps/uuid.h"
#include "pg/result.h"

namespace djps::store {

/// One row of find_job or find_jobs, which has the same columns and more.
JobRecord ReadJob(const pg::Row& row);

JobStatus ReadStatus(const pg::Row& row, pg::ColumnAt<std::string> column);

/// One column of all rows.
std::vector<Uuid> ReadIds(const pg::Rows& rows, pg::ColumnAt<Uuid> column);

}  // namespace djps::store
