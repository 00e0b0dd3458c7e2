#pragma once

#include <string>
#include <string_view>

#include "core/random.h"

namespace djps {

/// A new token for the API: "djps_" and 256 random bits in base64url (RFC 4648, section 5). The
/// prefix lets scanners for leaked secrets find it.
std::string NewApiToken(RandomSource& random);

/// The stored form of a token: its SHA-256, in 64 hexadecimal digits.
std::string HashApiToken(std::string_view token);

/// The SHA-256 of `text` in base64, as in a Content-Security-Policy.
std::string Sha256Base64(std::string_view text);

}  // namespace djps
