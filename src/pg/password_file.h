#pragma once

#include <string>
#include <string_view>

namespace djps::pg {

/// Which password of a file is wanted.
struct PasswordFor {
  std::string_view host;
  std::string_view port;
  std::string_view dbname;
  std::string_view user;
};

/// Does this text of a password file (libpq's ~/.pgpass: lines of host:port:database:user:password,
/// where * is anything and \ keeps the next character's meaning away) have one for `wanted`?
bool HasPassword(std::string_view text, const PasswordFor& wanted);

}  // namespace djps::pg
