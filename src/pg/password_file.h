#pragma once

#include <string>
#include <string_view>

namespace djps::pg {

/// The connection whose password is wanted.
struct PasswordFor {
  std::string_view host;
  std::string_view port;
  std::string_view dbname;
  std::string_view user;
};

/// Whether this text of a password file (libpq's ~/.pgpass: lines of
/// host:port:database:user:password, where * matches anything and \ escapes the next character) has
/// a password for `wanted`.
bool HasPassword(std::string_view text, const PasswordFor& wanted);

}  // namespace djps::pg
