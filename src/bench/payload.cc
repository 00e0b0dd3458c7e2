#include "bench/payload.h"

#include <fmt/format.h>

#include <charconv>
#include <random>

namespace djps::bench {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

}  // namespace

PayloadMaker::PayloadMaker(std::size_t bytes) : bytes_(bytes), pad_(bytes, ' ') {
  std::minstd_rand random(1);
  std::uniform_int_distribution<std::size_t> index(0, kAlphabet.size() - 1);
  for (char& c : pad_) c = kAlphabet[index(random)];
}

std::string PayloadMaker::Make(std::optional<std::chrono::steady_clock::time_point> due) const {
  std::string payload =
      fmt::format(R"({{"at":{},"pad":")", due ? due->time_since_epoch().count() : 0);
  constexpr std::size_t kEnd = 2;
  const std::size_t used = payload.size() + kEnd;
  if (used < bytes_) payload.append(pad_, 0, bytes_ - used);
  return payload + "\"}";
}

std::optional<std::chrono::steady_clock::time_point> ReadDueTime(std::string_view payload) {
  // jsonb has put a space behind the colon, and "at", its shortest key, first.
  const std::size_t name = payload.find("\"at\":");
  if (name == std::string_view::npos) return std::nullopt;
  const std::size_t digits = payload.find_first_not_of(' ', name + 5);
  if (digits == std::string_view::npos) return std::nullopt;
  std::int64_t at = 0;
  std::from_chars(payload.data() + digits, payload.data() + payload.size(), at);
  if (at <= 0) return std::nullopt;
  return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(at));
}

}  // namespace djps::bench
