#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace djps::test_support {

struct HttpReply {
  int status = 0;
  boost::beast::http::fields headers;
  std::string body;

  /// A header's value, empty when it is missing.
  std::string Header(std::string_view name) const;
  boost::json::value Json() const;
};

/// A blocking HTTP client on one connection to 127.0.0.1. Everything has a deadline; what fails or
/// takes longer throws std::runtime_error.
class HttpClient {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  explicit HttpClient(std::uint16_t port)
      : HttpClient(port, std::make_shared<boost::asio::io_context>(1)) {}
  /// For tests with very many clients: those of one thread may share a context.
  HttpClient(std::uint16_t port, std::shared_ptr<boost::asio::io_context> io);
  /// Has its socket, but no connection yet.
  explicit HttpClient(std::shared_ptr<boost::asio::io_context> io);

  void Connect(std::uint16_t port);

  HttpReply Get(std::string_view target) { return Send("GET", target); }
  /// As application/json.
  HttpReply Post(std::string_view target, std::string_view body, Headers headers = {});
  HttpReply Send(std::string_view method, std::string_view target, std::string_view body = {},
                 const Headers& headers = {});

  /// Sends raw bytes, for requests that no client library would make.
  void SendRaw(std::string_view bytes);
  /// Sends as much as the server accepts; false if it has closed the connection meanwhile.
  bool TrySendRaw(std::string_view bytes);
  /// The next answer; without a body where it answers HEAD.
  HttpReply ReadReply(bool to_head = false);
  /// Everything until the server closes the connection.
  std::string ReadToEnd();
  /// Reads until `text` has come; ReadToEnd gives all of it later.
  void AwaitText(std::string_view text);
  /// Whether unread bytes have arrived.
  bool HasReply();
  /// Whether the server has ended the connection. Does not read what it sent before.
  bool Ended();
  /// Shuts down the sending side.
  void ShutdownSend();

 private:
  void RunUntilDone();
  /// False at the end of the connection.
  bool ReadMore();
  std::string_view Received() const;

  std::shared_ptr<boost::asio::io_context> io_;
  boost::beast::tcp_stream stream_;
  boost::beast::flat_buffer buffer_;
};

}  // namespace djps::test_support
