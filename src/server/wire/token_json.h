#pragma once

#include <string>
#include <string_view>

#include "store/token_store.h"

namespace djps::server {

/// "active", "expired" or "revoked".
std::string_view TokenStatus(const store::TokenRecord& token);

/// Appends a token as JSON; `secret`, if there is one, as its member `token`.
void AppendToken(std::string& out, const store::TokenRecord& token, std::string_view secret = {});

/// Appends {"tokens": [...]}.
void AppendTokens(std::string& out, const std::vector<store::TokenRecord>& tokens);

}  // namespace djps::server
