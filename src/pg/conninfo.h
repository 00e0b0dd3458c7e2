#pragma once

#include <string>
#include <string_view>

#include "djps/result.h"

namespace djps::pg {

/// Makes a complete libpq connection string out of what a person gave: a postgres:// URI, a keyword
/// string, or nothing, in which case DATABASE_URL is taken, then the PG* variables.
///
/// What is left open gets the defaults of DJPS: user, password and database "djps", host localhost,
/// a connection that notices a dead peer within about 15 s, and only a server that takes writes.
/// The program's name shows up in pg_stat_activity.
///
/// Errors: kInvalidArgument with libpq's explanation; never echoes a password.
Result<std::string> ResolveConninfo(std::string_view given, std::string_view program);

/// The same string for showing to people: without its password.
std::string RedactConninfo(const std::string& conninfo);

}  // namespace djps::pg
