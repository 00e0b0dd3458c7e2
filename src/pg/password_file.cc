#include "pg/password_file.h"

#include <algorithm>
#include <array>

namespace djps::pg {
namespace {

/// Removes the next field from `line`, up to an unescaped colon.
std::string TakeField(std::string_view& line) {
  std::string field;
  while (!line.empty() && line.front() != ':') {
    const bool escape = line.front() == '\\' && line.size() > 1;
    // A star matches anything only if it is not escaped; an escaped one keeps its escape here.
    if (escape && line[1] == '*') field += '\\';
    if (escape) line.remove_prefix(1);
    field += line.front();
    line.remove_prefix(1);
  }
  if (!line.empty()) line.remove_prefix(1);
  return field;
}

bool Matches(std::string_view line, const PasswordFor& wanted) {
  if (line.starts_with('#')) return false;
  const std::array fields = {wanted.host, wanted.port, wanted.dbname, wanted.user};
  return std::all_of(fields.begin(), fields.end(), [&line](std::string_view value) {
    const std::string field = TakeField(line);
    return field == "*" || field == value;
  });
}

}  // namespace

bool HasPassword(std::string_view text, const PasswordFor& wanted) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (Matches(line, wanted)) return true;
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return false;
}

}  // namespace djps::pg
