#include "pg/session.h"

#include <spdlog/spdlog.h>

namespace djps::pg {

Session::Session(const std::string& conninfo) : conn_(PQconnectdb(conninfo.c_str())) {
  if (PQstatus(conn_.get()) != CONNECTION_OK) {
    std::string message = PQerrorMessage(conn_.get());
    while (!message.empty() && message.back() == '\n') message.pop_back();
    throw PgError(kConnectionFailure, "could not connect to Postgres: " + message);
  }
  PQsetNoticeProcessor(
      conn_.get(), [](void*, const char* message) { spdlog::debug("postgres: {}", message); },
      nullptr);
}

ResultHandle Session::Run(const std::string& script) {
  ResultHandle result(PQexec(conn_.get(), script.c_str()));
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY) {
    const char* state = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
    const char* message = PQresultErrorField(result.get(), PG_DIAG_MESSAGE_PRIMARY);
    throw PgError(state != nullptr ? std::string_view(state) : kConnectionFailure,
                  message != nullptr ? message : PQerrorMessage(conn_.get()));
  }
  return result;
}

std::string Session::Value(const std::string& query) {
  const ResultHandle result = Run(query);
  if (PQntuples(result.get()) == 0 || PQgetisnull(result.get(), 0, 0) != 0) return {};
  return PQgetvalue(result.get(), 0, 0);
}

}  // namespace djps::pg
