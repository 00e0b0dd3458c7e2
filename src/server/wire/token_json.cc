#include "server/wire/token_json.h"

#include <fmt/format.h>

#include <iterator>
#include <optional>
#include <vector>

#include "core/json_text.h"
#include "core/time_text.h"

namespace djps::server {
namespace {

void AppendTime(std::string& out, std::string_view name, const std::optional<Timestamp>& time) {
  if (time) {
    fmt::format_to(std::back_inserter(out), R"(,"{}":"{}")", name, FormatTimestamp(*time));
  } else {
    fmt::format_to(std::back_inserter(out), R"(,"{}":null)", name);
  }
}

void AppendNames(std::string& out, std::string_view name, const std::vector<std::string>& names) {
  fmt::format_to(std::back_inserter(out), R"(,"{}":)", name);
  if (names.empty()) {
    out += "null";
    return;
  }
  out += '[';
  for (const std::string& item : names) {
    AppendJsonString(out, item);
    out += ',';
  }
  out.back() = ']';
}

}  // namespace

std::string_view TokenStatus(const store::TokenRecord& token) {
  if (token.revoked_at) return "revoked";
  return token.expired ? "expired" : "active";
}

void AppendToken(std::string& out, const store::TokenRecord& token, std::string_view secret) {
  fmt::format_to(std::back_inserter(out), R"({{"id":"{}","name":)", token.id.ToString());
  AppendJsonString(out, token.grant.name);
  fmt::format_to(std::back_inserter(out), R"(,"role":"{}","status":"{}")", token.grant.role,
                 TokenStatus(token));
  AppendNames(out, "queues", token.grant.queues);
  AppendNames(out, "types", token.grant.types);
  AppendTime(out, "created_at", token.created_at);
  AppendTime(out, "expires_at", token.expires_at);
  AppendTime(out, "revoked_at", token.revoked_at);
  AppendTime(out, "last_used_at", token.last_used_at);
  if (!secret.empty()) fmt::format_to(std::back_inserter(out), R"(,"token":"{}")", secret);
  out += '}';
}

void AppendTokens(std::string& out, const std::vector<store::TokenRecord>& tokens) {
  out += "{\"tokens\":[";
  for (const store::TokenRecord& token : tokens) {
    AppendToken(out, token);
    out += ',';
  }
  if (!tokens.empty()) out.pop_back();
  out += "]}";
}

}  // namespace djps::server
