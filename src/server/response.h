#pragma once

#include <ctime>
#include <string>
#include <string_view>
#include <vector>

namespace djps::server {

inline constexpr std::string_view kJsonType = "application/json";
inline constexpr std::string_view kProblemType = "application/problem+json";

struct Header {
  std::string_view name;  ///< A literal.
  std::string value;      ///< Made by us: never holds what a client sent without a check.
};

struct Response {
  int status = 200;
  std::string_view content_type = kJsonType;
  std::vector<Header> headers = {};
  std::string body = {};
};

/// What the connection, rather than the handler, decides about an answer.
struct Framing {
  std::string_view request_id = {};
  std::string_view date = {};
  bool keep_alive = true;
  bool http_1_0 = false;      ///< Such clients must be told that the connection stays.
  bool without_body = false;  ///< The answer to HEAD.
};

/// Appends the answer as it goes over the wire, with the headers that every answer has.
void AppendResponse(std::string& out, const Response& response, const Framing& framing);

/// The Date header's value (RFC 9110, section 6.6.1), formatted once a second.
class HttpDate {
 public:
  std::string_view Now();

 private:
  std::time_t formatted_ = 0;
  std::string text_;
};

}  // namespace djps::server
