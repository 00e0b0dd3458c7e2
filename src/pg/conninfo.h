#pragma once

#include <string>
#include <string_view>

#include "djps/result.h"

namespace djps::pg {

/// Makes a complete libpq connection string out of what a person gave: a postgres:// URI, a keyword
/// string, or nothing, in which case DATABASE_URL is taken, then the PG* variables.
///
/// What is left open gets the defaults of DJPS: user and database "djps", host localhost, a
/// connection that notices a dead peer within about 15 s, and only a server that is no standby.
/// The program's name shows up in pg_stat_activity.
///
/// A password is found as psql finds it: given, in PGPASSWORD, in a password or service file. Only
/// for user djps on localhost:5432 there is a built-in one, where psql would find none.
///
/// Errors: kInvalidArgument with libpq's explanation; never echoes a password.
Result<std::string> ResolveConninfo(std::string_view given, std::string_view program);

/// The same string for showing to people: without its password.
std::string RedactConninfo(const std::string& conninfo);

}  // namespace djps::pg
