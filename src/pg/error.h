#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace djps::pg {

/// SQLSTATEs that somebody asks for by name.
inline constexpr std::string_view kConnectionFailure = "08006";
inline constexpr std::string_view kResolutionUnknown = "08007";
inline constexpr std::string_view kTooManyConnections = "53300";
inline constexpr std::string_view kQueryCanceled = "57014";
inline constexpr std::string_view kUniqueViolation = "23505";
inline constexpr std::string_view kUndefinedTable = "42P01";
inline constexpr std::string_view kLockNotAvailable = "55P03";

/// The environment failed: no connection, a timeout, or Postgres refused the statement.
class PgError : public std::runtime_error {
 public:
  PgError(std::string_view sqlstate, const std::string& message, bool outcome_unknown = false)
      : std::runtime_error(message), sqlstate_(sqlstate), outcome_unknown_(outcome_unknown) {}

  const std::string& sqlstate() const { return sqlstate_; }

  /// The statement may have been carried out: its answer was lost with the connection, or Postgres
  /// itself does not know whether a standby has what was committed.
  bool outcome_unknown() const { return outcome_unknown_; }

  /// The database is away, starting, stopping, read-only or overloaded: try again later.
  bool unavailable() const;

  /// Postgres answered, and does not let this program in: a wrong password, an unknown role or
  /// database, no right to connect. It takes a person to change that.
  bool refused() const;

  /// Rolled back by a conflict with another transaction, or by a plan that went stale: the same
  /// statement may simply be run again.
  bool transient() const;

  /// The value itself is what Postgres will not take: a data exception (class 22), or more than it
  /// can hold, such as JSON that is nested too deeply (class 54).
  bool bad_value() const { return sqlstate_.starts_with("22") || sqlstate_.starts_with("54"); }

 private:
  std::string sqlstate_;
  bool outcome_unknown_;
};

}  // namespace djps::pg
