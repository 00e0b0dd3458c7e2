#include "cli/link/database_link.h"

#include <fmt/format.h>

#include "pg/error.h"
#include "store/migrator.h"
#include "store/statements.h"

namespace djps::cli {

DatabaseLink::DatabaseLink(DatabaseTarget target)
    : target_(std::move(target)),
      pool_(io_.get_executor(),
            {.conninfo = target_.conninfo, .size = 1, .setup = &sql::kConfigureSession}) {
  pool_.Start();
}

DatabaseLink::~DatabaseLink() {
  pool_.Close();
  io_.run();
}

Error DatabaseLink::Explained(Error error) const {
  error.message += fmt::format(" [database {}]", target_.Describe());
  return error;
}

Error DatabaseLink::Explained(const std::exception_ptr& failure) const {
  try {
    std::rethrow_exception(failure);
  } catch (const pg::PgError& error) {
    ErrorCode code = ErrorCode::kInternal;
    if (error.unavailable()) code = ErrorCode::kUnavailable;
    if (error.bad_value()) code = ErrorCode::kInvalidArgument;
    return Explained(Error{code, error.what(), {}});
  }
}

Result<void> RequireSchema(const DatabaseTarget& target) {
  const auto schema = store::RequireCurrentSchema(target.conninfo);
  if (schema) return {};
  return Failure(schema.error().code,
                 fmt::format("{} [database {}]", schema.error().message, target.Describe()));
}

}  // namespace djps::cli
