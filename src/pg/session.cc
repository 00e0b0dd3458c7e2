#include "pg/session.h"

#include <string_view>
#include <utility>

#include "core/check.h"
#include "pg/report.h"

namespace djps::pg {

namespace {

/// Whether the server sent the reason for a failed connection: only its messages have two spaces
/// after the severity.
bool Answered(PGconn* conn) {
  return std::string_view(PQerrorMessage(conn)).find(":  ") != std::string_view::npos;
}

}  // namespace

Session::Session(const std::string& conninfo) : conn_(PQconnectdb(conninfo.c_str())) {
  if (PQstatus(conn_.get()) != CONNECTION_OK && Answered(conn_.get())) {
    // libpq has the SQLSTATE of the server's message only if it was requested before.
    AskForCodes(conn_.get());
    PQreset(conn_.get());
    PQsetErrorVerbosity(conn_.get(), PQERRORS_DEFAULT);
  }
  if (PQstatus(conn_.get()) != CONNECTION_OK) throw ConnectError(conn_.get());
  PQsetNoticeReceiver(
      conn_.get(),
      [](void* session, const PGresult* notice) {
        LogNotice(notice);
        if (auto doubt = DoubtOfCommit(notice)) static_cast<Session*>(session)->doubt_ = *doubt;
      },
      this);
}

ResultHandle Session::Run(const std::string& script) {
  return Checked(ResultHandle(PQexec(conn_.get(), script.c_str())));
}

ResultHandle Session::Run(const Statement& statement, const std::string& parameter) {
  DJPS_CHECK(statement.params.size() == 1);
  const auto type = static_cast<Oid>(statement.params.front());
  const char* const value = parameter.c_str();
  return Checked(ResultHandle(PQexecParams(conn_.get(), std::string(statement.text).c_str(), 1,
                                           &type, &value, nullptr, nullptr, 0)));
}

ResultHandle Session::Checked(ResultHandle result) {
  const auto doubt = std::exchange(doubt_, std::nullopt);
  if (doubt) throw PgError(*doubt);
  if (!result) throw PgError(kConnectionFailure, Trimmed(PQerrorMessage(conn_.get())), true);
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY) {
    throw ErrorOf(result.get());
  }
  return result;
}

std::string Session::Value(const std::string& query) {
  const ResultHandle result = Run(query);
  if (PQntuples(result.get()) == 0 || PQgetisnull(result.get(), 0, 0) != 0) return {};
  return PQgetvalue(result.get(), 0, 0);
}

}  // namespace djps::pg
