#include "core/api_token.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <iterator>
#include <span>

#include "core/check.h"

namespace djps {
namespace {

constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kSha256Bytes = 32;

using Sha256 = std::array<unsigned char, kSha256Bytes>;

Sha256 HashOf(std::string_view text) {
  Sha256 hash{};
  unsigned int size = 0;
  DJPS_CHECK(EVP_Digest(text.data(), text.size(), hash.data(), &size, EVP_sha256(), nullptr) == 1);
  DJPS_CHECK(size == hash.size());
  return hash;
}

std::string Base64(std::span<const unsigned char> bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');  // OpenSSL adds a NUL
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

}  // namespace

std::string NewApiToken(RandomSource& random) {
  std::array<std::uint8_t, kSecretBytes> secret{};
  random.Fill(secret);
  std::string text = Base64(secret);
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  return "djps_" + text;
}

std::string HashApiToken(std::string_view token) {
  std::string hex;
  for (const unsigned char byte : HashOf(token)) {
    fmt::format_to(std::back_inserter(hex), "{:02x}", byte);
  }
  return hex;
}

std::string Sha256Base64(std::string_view text) { return Base64(HashOf(text)); }

}  // namespace djps
