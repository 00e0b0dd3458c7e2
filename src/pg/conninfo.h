#pragma once

#include <string>
#include <string_view>

#include "djps/result.h"

namespace djps::pg {

/// Makes a complete libpq connection string from the user's input: a postgres:// URI, a keyword
/// string, or nothing; then from DATABASE_URL, else the PG* variables.
///
/// The rest gets the defaults of DJPS: user and database "djps", host localhost, detection of a
/// dead peer within about 15 s, and only a server that is not a standby. The program's name is
/// shown in pg_stat_activity.
///
/// The password is found as by psql: given, in PGPASSWORD, or in a password or service file. There
/// is a built-in password only for user djps on localhost:5432, if psql would find none.
///
/// Errors: kInvalidArgument with libpq's explanation; never echoes a password.
Result<std::string> ResolveConninfo(std::string_view given, std::string_view program);

/// The same string without its password, for messages.
std::string RedactConninfo(const std::string& conninfo);

}  // namespace djps::pg
