#include <fmt/format.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/url/parse.hpp>
#include <stdexcept>
#include <utility>

#include "bench/submitter.h"

namespace djps::bench {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

constexpr int kMaxAttempts = 1'000;
constexpr std::size_t kReadBytes = 16 * 1024;
constexpr unsigned kSuccess = 2;  // hundred

struct Place {
  tcp::endpoint endpoint;
  std::string host;
  std::string prefix;
};

Place FindServer(asio::io_context& io, const std::string& url) {
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed || parsed->scheme() != "http" || parsed->host().empty()) {
    throw std::invalid_argument("--server must be http://HOST[:PORT][/PREFIX], got " + url);
  }
  const std::string port = parsed->has_port() ? std::string(parsed->port()) : "80";
  std::string prefix = parsed->path();
  while (prefix.ends_with('/')) prefix.pop_back();
  const auto found = tcp::resolver(io).resolve(std::string(parsed->host_address()), port);
  return {found.begin()->endpoint(), std::string(parsed->encoded_host_and_port()), prefix};
}

/// One persistent connection, with one request at a time.
class HttpConnection {
 public:
  HttpConnection(asio::io_context& io, tcp::endpoint endpoint)
      : socket_(io), endpoint_(std::move(endpoint)) {}

  asio::awaitable<void> Send(std::string request) {
    if (!socket_.is_open()) {
      co_await socket_.async_connect(endpoint_, asio::use_awaitable);
      socket_.set_option(tcp::no_delay(true));
    }
    co_await asio::async_write(socket_, asio::buffer(request), asio::use_awaitable);
    http::response_parser<http::string_body> parser;
    parser.body_limit(64U << 20U);
    parser.eager(true);
    while (!parser.is_done()) {
      const std::size_t read =
          co_await socket_.async_read_some(buffer_.prepare(kReadBytes), asio::use_awaitable);
      buffer_.commit(read);
      Parse(parser);
    }
    const auto& response = parser.get();
    if (!parser.keep_alive()) socket_.close();
    if (response.result_int() / 100 != kSuccess) {
      throw std::runtime_error(fmt::format("the server answered {}: {}", response.result_int(),
                                           response.body().substr(0, 300)));
    }
  }

  void Close() {
    boost::system::error_code ignored;
    socket_.close(ignored);
  }

 private:
  void Parse(http::response_parser<http::string_body>& parser) {
    while (buffer_.size() > 0 && !parser.is_done()) {
      boost::system::error_code error;
      const std::size_t used = parser.put(buffer_.data(), error);
      buffer_.consume(used);
      if (error == http::error::need_more) return;
      if (error) throw boost::system::system_error(error);
    }
  }

  tcp::socket socket_;
  tcp::endpoint endpoint_;
  boost::beast::flat_buffer buffer_;
};

class HttpSubmitter : public Submitter {
 public:
  HttpSubmitter(asio::io_context& io, const Target& target, const LoadSettings& load)
      : place_(FindServer(io, target.server)), token_(target.token) {
    for (std::size_t i = 0; i < load.clients; ++i) {
      connections_.push_back(std::make_unique<HttpConnection>(io, place_.endpoint));
    }
  }

  asio::awaitable<void> Submit(std::size_t client, std::vector<std::string> payloads) override {
    std::string request = payloads.size() == 1 ? Request("/jobs", Job(payloads.front()))
                                               : Request("/jobs/batch", Batch(payloads));
    co_await connections_.at(client)->Send(std::move(request));
  }

  void Close() override {
    for (const auto& connection : connections_) connection->Close();
  }

 private:
  static std::string Job(const std::string& payload) {
    return fmt::format(R"({{"type":"{}","queue":"{}","maxAttempts":{},"payload":{}}})", kType,
                       kQueue, kMaxAttempts, payload);
  }

  static std::string Batch(const std::vector<std::string>& payloads) {
    std::string body = R"({"jobs":[)";
    for (const std::string& payload : payloads) {
      if (!body.ends_with('[')) body += ',';
      body += Job(payload);
    }
    return body + "]}";
  }

  std::string Request(std::string_view path, const std::string& body) const {
    return fmt::format(
        "POST {}{} HTTP/1.1\r\nHost: {}\r\n{}Content-Type: application/json\r\n"
        "Content-Length: {}\r\n\r\n{}",
        place_.prefix, path, place_.host,
        token_.empty() ? "" : "Authorization: Bearer " + token_ + "\r\n", body.size(), body);
  }

  Place place_;
  std::string token_;
  std::vector<std::unique_ptr<HttpConnection>> connections_;
};

}  // namespace

std::unique_ptr<Submitter> MakeHttpSubmitter(asio::io_context& io, const Target& target,
                                             const LoadSettings& load) {
  return std::make_unique<HttpSubmitter>(io, target, load);
}

}  // namespace djps::bench
