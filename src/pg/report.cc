#include "pg/report.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <regex>
#include <string_view>

namespace djps::pg {
namespace {

/// Its text depends on the server's language, its SQLSTATE is that of any warning; the function of
/// Postgres that it comes from has had this name since 9.1, and gives no other notices.
constexpr std::string_view kStandbyWait = "SyncRepWaitForLSN";

std::string TextOf(const PGresult* result) {
  const char* text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  const char* detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
  std::string message = text != nullptr ? text : Trimmed(PQresultErrorMessage(result));
  if (detail != nullptr) message += fmt::format(" ({})", detail);
  return message;
}

}  // namespace

std::string Trimmed(const char* message) {
  std::string text = message == nullptr ? "" : message;
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

PgError ErrorOf(const PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  return PgError(state != nullptr ? std::string_view(state) : kConnectionFailure, TextOf(result));
}

void AskForCodes(PGconn* conn) { PQsetErrorVerbosity(conn, PQERRORS_VERBOSE); }

PgError ConnectError(PGconn* conn) {
  // With several hosts there is a message of each. Severities are translated, codes are not.
  static const std::regex code_pattern(":  ([0-9A-Z]{5}): ");
  static const std::regex source_pattern("\n[^\n]*:  [^\n]*, [^\n]*\\.c:[0-9]+(?=\n|$)");
  std::string text = Trimmed(PQerrorMessage(conn));
  PgError reason(kConnectionFailure, text);
  for (std::sregex_iterator code(text.begin(), text.end(), code_pattern), end; code != end;
       ++code) {
    if (!reason.refused()) reason = PgError((*code)[1].str(), text);
  }
  text = std::regex_replace(std::regex_replace(text, source_pattern, ""), code_pattern, ":  ");
  return PgError(reason.sqlstate(), "could not connect to Postgres: " + text);
}

void LogNotice(const PGresult* notice) {
  spdlog::debug("postgres: {}", Trimmed(PQresultErrorMessage(notice)));
}

std::optional<PgError> DoubtOfCommit(const PGresult* notice) {
  const char* source = PQresultErrorField(notice, PG_DIAG_SOURCE_FUNCTION);
  if (source == nullptr || source != kStandbyWait) return std::nullopt;
  return PgError(kResolutionUnknown, TextOf(notice), true);
}

}  // namespace djps::pg
