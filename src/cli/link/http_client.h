#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "djps/result.h"

namespace djps::cli {

/// A server's address, taken apart.
struct ServerUrl {
  std::string text;  ///< As given, without a slash at the end; for messages.
  std::string host;  ///< A name or an address, without brackets.
  std::string port;
  std::string prefix;  ///< The path before ours, "" or "/djps".
};

/// Reads "http://host[:port][/prefix]".
///
/// Errors: kInvalidArgument for anything else. Never echoes a URL with a password.
Result<ServerUrl> ParseServerUrl(std::string_view text);

/// Is this a text that can be sent as a token? Empty is: none is sent.
///
/// Errors: kInvalidArgument, which does not repeat it.
Result<void> CheckToken(std::string_view token);

struct HttpResponse {
  int status = 0;
  std::string body;
};

/// Blocking HTTP/1.1 for a command that has nothing else to do meanwhile. Each request has a
/// connection of its own: with a kept one it would be unclear whether a request that met a closing
/// server was carried out.
class HttpClient {
 public:
  /// `timeout` > 0 bounds connecting and, by itself, the exchange after that. `token` is sent with
  /// each request; empty: none.
  HttpClient(ServerUrl url, std::chrono::milliseconds timeout, std::string token = {})
      : url_(std::move(url)), timeout_(timeout), token_(std::move(token)) {}

  /// Errors: kUnavailable when there was no complete answer; any answer is a success here.
  Result<HttpResponse> Get(std::string_view path) const;
  Result<HttpResponse> Post(std::string_view path, std::string json) const;
  /// `method`: GET, POST, PUT, PATCH or DELETE. An empty `json` is no body.
  Result<HttpResponse> Send(std::string_view method, std::string_view path, std::string json) const;

  const ServerUrl& url() const { return url_; }

 private:
  ServerUrl url_;
  std::chrono::milliseconds timeout_;
  std::string token_;
};

}  // namespace djps::cli
