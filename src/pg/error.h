#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace djps::pg {

/// SQLSTATEs that the code uses by name.
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
  /// does not know whether a standby has the commit.
  bool outcome_unknown() const { return outcome_unknown_; }

  /// The database is away, starting, stopping, read-only or overloaded: try again later.
  bool unavailable() const;

  /// Postgres refuses the login: a wrong password, an unknown role or database, no right to
  /// connect. Only a person can change that.
  bool refused() const;

  /// Rolled back by a conflict with another transaction, or by a stale plan: the same statement may
  /// be run again.
  bool transient() const;

  /// Postgres refuses the value itself: a data exception (class 22), or a value that is too large,
  /// such as JSON that is nested too deeply (class 54).
  bool bad_value() const { return sqlstate_.starts_with("22") || sqlstate_.starts_with("54"); }

 private:
  std::string sqlstate_;
  bool outcome_unknown_;
};

}  // namespace djps::pg
