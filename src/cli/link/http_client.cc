#include "cli/link/http_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>
#include <cstdint>
#include <exception>
#include <utility>

#include "cli/frame/duration.h"
#include "core/validation.h"

namespace djps::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::system_error;
using HttpRequest = http::request<http::string_body>;

/// Well above the size of a job with the largest result and error.
constexpr std::uint64_t kAnswerBytesMax = 64ULL << 20U;

/// How far a request got; the error message depends on it.
enum class Phase { kConnecting, kExchanging };

HttpRequest MakeRequest(const ServerUrl& url, const std::string& token, http::verb verb,
                        std::string_view path, std::string body) {
  HttpRequest request(verb, url.prefix + std::string(path), 11);
  const bool bracketed = url.host.find(':') != std::string::npos;
  request.set(http::field::host, bracketed ? fmt::format("[{}]:{}", url.host, url.port)
                                           : fmt::format("{}:{}", url.host, url.port));
  request.set(http::field::user_agent, "djps");
  request.set(http::field::accept, "application/json");
  if (!token.empty()) request.set(http::field::authorization, "Bearer " + token);
  request.keep_alive(false);
  if (verb == http::verb::post || !body.empty()) {
    request.set(http::field::content_type, "application/json");
    request.body() = std::move(body);
  }
  request.prepare_payload();
  return request;
}

asio::awaitable<HttpResponse> Exchange(const ServerUrl& url, const HttpRequest& request,
                                       std::chrono::milliseconds timeout, Phase& phase) {
  const auto executor = co_await asio::this_coro::executor;
  asio::ip::tcp::resolver resolver(executor);
  const auto endpoints = co_await resolver.async_resolve(url.host, url.port, asio::use_awaitable);
  beast::tcp_stream stream(executor);
  stream.expires_after(timeout);
  co_await stream.async_connect(endpoints, asio::use_awaitable);

  phase = Phase::kExchanging;
  stream.expires_after(timeout);
  boost::system::error_code refused;
  // A server that refuses a body may answer and close before it has read the whole body.
  co_await http::async_write(stream, request, asio::redirect_error(asio::use_awaitable, refused));
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(kAnswerBytesMax);
  co_await http::async_read(stream, buffer, parser, asio::use_awaitable);
  co_return HttpResponse{static_cast<int>(parser.get().result_int()),
                         std::move(parser.get().body())};
}

Error Explain(const ServerUrl& url, Phase phase, const boost::system::error_code& error,
              std::chrono::milliseconds timeout) {
  std::string reason = error.message();
  if (error == beast::error::timeout) reason = "no answer within " + FormatDuration(timeout);
  if (error == asio::error::connection_refused) reason = "connection refused";
  if (error == http::error::end_of_stream) reason = "it closed the connection";
  if (phase == Phase::kConnecting) {
    return {
        ErrorCode::kUnavailable,
        fmt::format("no server at {} ({}): start one with `djps dev`, or name one with --server",
                    url.text, reason)};
  }
  return {
      ErrorCode::kUnavailable,
      fmt::format(
          "no answer from the server at {} ({}); the request may or may not have been carried out",
          url.text, reason)};
}

Result<HttpResponse> Perform(const ServerUrl& url, std::chrono::milliseconds timeout,
                             const HttpRequest& request) {
  asio::io_context io(1);
  Phase phase = Phase::kConnecting;
  std::exception_ptr failure;
  HttpResponse response;
  asio::co_spawn(io, Exchange(url, request, timeout, phase),
                 [&](const std::exception_ptr& error, HttpResponse answer) {
                   failure = error;
                   response = std::move(answer);
                 });
  io.run();
  if (!failure) return response;
  try {
    std::rethrow_exception(failure);
  } catch (const system_error& error) {
    return tl::unexpected<Error>(Explain(url, phase, error.code(), timeout));
  }
}

bool IsPort(std::string_view text) {
  std::uint16_t port = 0;
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const auto [rest, error] = std::from_chars(begin, end, port);
  return error == std::errc() && rest == end && port > 0;
}

tl::unexpected<Error> RefuseUrl(std::string_view shown, std::string_view why) {
  return Failure(
      ErrorCode::kInvalidArgument,
      fmt::format("{} cannot be used as a server address: {}", QuoteForMessage(shown), why),
      "--server");
}

}  // namespace

Result<ServerUrl> ParseServerUrl(std::string_view text) {
  // Text that may contain a password is never repeated, not even if it is not a valid URL.
  const std::string_view shown =
      text.find('@') == std::string_view::npos ? text : "(the URL given)";
  const auto parsed = boost::urls::parse_uri({text.data(), text.size()});
  if (!parsed) return RefuseUrl(shown, "write it as http://host:port");
  if (parsed->has_userinfo()) {
    return RefuseUrl(shown, "it must not carry a user name or a password");
  }
  if (parsed->scheme() == "https") {
    return RefuseUrl(shown,
                     "djps supports only http; use the server's own address, or a tunnel that ends "
                     "on this machine");
  }
  if (parsed->scheme() != "http" || parsed->encoded_host().empty()) {
    return RefuseUrl(shown, "write it as http://host:port");
  }
  if (parsed->has_query() || parsed->has_fragment()) {
    return RefuseUrl(shown, "it must not have a query or a fragment after the path");
  }
  ServerUrl url{.text = std::string(text), .host = {}, .port = "80", .prefix = {}};
  while (url.text.ends_with('/')) url.text.pop_back();
  url.host = parsed->host_address();
  if (parsed->has_port() && !parsed->port().empty()) url.port = std::string(parsed->port());
  // The parser reads "http://a:b" as a host without a port and the path "b".
  const bool port_in_path = !parsed->encoded_path().empty() && parsed->encoded_path()[0] != '/';
  if (port_in_path || !IsPort(url.port)) {
    return RefuseUrl(shown, "the port must be a number from 1 to 65535");
  }
  const auto path = parsed->encoded_path();
  url.prefix = std::string(path.data(), path.size());
  while (url.prefix.ends_with('/')) url.prefix.pop_back();
  return url;
}

Result<void> CheckToken(std::string_view token) {
  const bool sendable =
      std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (sendable) return {};
  return Failure(ErrorCode::kInvalidArgument,
                 "the token contains white space or other characters that tokens cannot have (such "
                 "as the line break at the end of a file)",
                 "--token");
}

Result<HttpResponse> HttpClient::Get(std::string_view path) const {
  return Perform(url_, timeout_, MakeRequest(url_, token_, http::verb::get, path, {}));
}

Result<HttpResponse> HttpClient::Post(std::string_view path, std::string json) const {
  return Perform(url_, timeout_,
                 MakeRequest(url_, token_, http::verb::post, path, std::move(json)));
}

Result<HttpResponse> HttpClient::Send(std::string_view method, std::string_view path,
                                      std::string json) const {
  const http::verb verb = http::string_to_verb({method.data(), method.size()});
  return Perform(url_, timeout_, MakeRequest(url_, token_, verb, path, std::move(json)));
}

}  // namespace djps::cli
