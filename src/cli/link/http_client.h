#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "djps/result.h"

namespace djps::cli {

/// A parsed server address.
struct ServerUrl {
  std::string text;  ///< As given, without a slash at the end; for messages.
  std::string host;  ///< A name or an address, without brackets.
  std::string port;
  std::string prefix;  ///< The path before the API's paths, "" or "/djps".
};

/// Reads "http://host[:port][/prefix]".
///
/// Errors: kInvalidArgument for anything else. Never echoes a URL with a password.
Result<ServerUrl> ParseServerUrl(std::string_view text);

/// Checks that a text can be sent as a token. An empty text is allowed: then none is sent.
///
/// Errors: kInvalidArgument; the message does not repeat the text.
Result<void> CheckToken(std::string_view token);

struct HttpResponse {
  int status = 0;
  std::string body;
};

/// Blocking HTTP/1.1. Each request uses a new connection: on a kept one, if the server closes it,
/// it is unclear whether the request was carried out.
class HttpClient {
 public:
  /// `timeout` > 0 limits the connecting, and separately the exchange after it. `token` is sent
  /// with each request; empty: none.
  HttpClient(ServerUrl url, std::chrono::milliseconds timeout, std::string token = {})
      : url_(std::move(url)), timeout_(timeout), token_(std::move(token)) {}

  /// Errors: kUnavailable without a complete answer; an answer of any status is a success here.
  Result<HttpResponse> Get(std::string_view path) const;
  Result<HttpResponse> Post(std::string_view path, std::string json) const;
  /// `method`: GET, POST, PUT, PATCH or DELETE. With an empty `json`, no body is sent.
  Result<HttpResponse> Send(std::string_view method, std::string_view path, std::string json) const;

  const ServerUrl& url() const { return url_; }

 private:
  ServerUrl url_;
  std::chrono::milliseconds timeout_;
  std::string token_;
};

}  // namespace djps::cli
