#include "support/http_client.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/json/parse.hpp>
#include <chrono>
#include <stdexcept>

namespace djps::test_support {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

/// Long enough for a loaded machine; reached only when something hangs.
constexpr std::chrono::seconds kDeadline{60};
constexpr std::uint64_t kReplyBytesMax = 256U << 20U;

void Require(const boost::system::error_code& error, const char* doing) {
  if (error) throw std::runtime_error(fmt::format("{}: {}", doing, error.message()));
}

}  // namespace

std::string HttpReply::Header(std::string_view name) const {
  return std::string(headers[beast::string_view(name.data(), name.size())]);
}

boost::json::value HttpReply::Json() const {
  boost::json::parse_options options;
  options.max_depth = 128;  // an answer may hold what nests as deep as a payload may
  return boost::json::parse(body, {}, options);
}

HttpClient::HttpClient(std::shared_ptr<asio::io_context> io) : io_(std::move(io)), stream_(*io_) {
  stream_.socket().open(asio::ip::tcp::v4());
}

HttpClient::HttpClient(std::uint16_t port, std::shared_ptr<asio::io_context> io)
    : HttpClient(std::move(io)) {
  Connect(port);
}

void HttpClient::Connect(std::uint16_t port) {
  boost::system::error_code result;
  stream_.expires_after(kDeadline);
  stream_.async_connect(asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), port),
                        [&result](const auto& error) { result = error; });
  RunUntilDone();
  Require(result, "connect");
}

void HttpClient::RunUntilDone() {
  io_->restart();
  io_->run();
}

HttpReply HttpClient::Post(std::string_view target, std::string_view body, Headers headers) {
  headers.emplace_back("Content-Type", "application/json");
  return Send("POST", target, body, headers);
}

HttpReply HttpClient::Send(std::string_view method, std::string_view target, std::string_view body,
                           const Headers& headers) {
  std::string request = fmt::format("{} {} HTTP/1.1\r\nHost: 127.0.0.1\r\n", method, target);
  for (const auto& [name, value] : headers) request += fmt::format("{}: {}\r\n", name, value);
  if (!body.empty() || method == "POST") {
    request += fmt::format("Content-Length: {}\r\n", body.size());
  }
  request += "\r\n";
  request += body;
  SendRaw(request);
  return ReadReply(method == "HEAD");
}

void HttpClient::SendRaw(std::string_view bytes) {
  if (!TrySendRaw(bytes)) throw std::runtime_error("send: the server closed the connection");
}

bool HttpClient::TrySendRaw(std::string_view bytes) {
  boost::system::error_code result;
  stream_.expires_after(kDeadline);
  asio::async_write(stream_, asio::buffer(bytes.data(), bytes.size()),
                    [&result](const auto& error, std::size_t) { result = error; });
  RunUntilDone();
  if (result == beast::error::timeout) Require(result, "send");
  return !result;
}

HttpReply HttpClient::ReadReply(bool to_head) {
  boost::system::error_code result;
  http::response_parser<http::string_body> parser;
  parser.body_limit(kReplyBytesMax);
  parser.skip(to_head);
  stream_.expires_after(kDeadline);
  http::async_read(stream_, buffer_, parser,
                   [&result](const auto& error, std::size_t) { result = error; });
  RunUntilDone();
  Require(result, "read");
  auto message = parser.release();
  return {static_cast<int>(message.result_int()), message.base(), std::move(message.body())};
}

std::string_view HttpClient::Received() const {
  return {static_cast<const char*>(buffer_.cdata().data()), buffer_.size()};
}

bool HttpClient::ReadMore() {
  constexpr std::size_t kReadBytes = 64U << 10U;
  boost::system::error_code result;
  std::size_t read = 0;
  stream_.expires_after(kDeadline);
  stream_.async_read_some(buffer_.prepare(kReadBytes), [&](const auto& error, std::size_t bytes) {
    result = error;
    read = bytes;
  });
  RunUntilDone();
  buffer_.commit(read);
  if (result == asio::error::eof || result == asio::error::connection_reset) return false;
  Require(result, "read");
  return true;
}

std::string HttpClient::ReadToEnd() {
  while (ReadMore()) {
  }
  std::string bytes(Received());
  buffer_.consume(buffer_.size());
  return bytes;
}

void HttpClient::AwaitText(std::string_view text) {
  while (Received().find(text) == std::string_view::npos) {
    if (!ReadMore()) throw std::runtime_error("the connection ended before the text came");
  }
}

bool HttpClient::HasReply() { return buffer_.size() > 0 || stream_.socket().available() > 0; }

bool HttpClient::Ended() {
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (getsockopt(stream_.socket().native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) {
    throw std::runtime_error("getsockopt TCP_INFO failed");
  }
  return info.tcpi_state != TCP_ESTABLISHED;
}

void HttpClient::ShutdownSend() {
  boost::system::error_code ignored;
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
}

}  // namespace djps::test_support
