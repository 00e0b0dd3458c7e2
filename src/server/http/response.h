#pragma once

#include <boost/asio/awaitable.hpp>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace djps::server {

inline constexpr std::string_view kJsonType = "application/json";
inline constexpr std::string_view kProblemType = "application/problem+json";

struct Header {
  std::string_view name;  ///< A literal.
  std::string value;      ///< Never contains unchecked text of a client.
};

/// Receives a body that is produced in pieces.
class BodyWriter {
 public:
  BodyWriter() = default;
  virtual ~BodyWriter() = default;
  BodyWriter(const BodyWriter&) = delete;
  BodyWriter& operator=(const BodyWriter&) = delete;

  /// Sends `bytes` now. False: the client is gone, or did not take them within
  /// ServerConfig::write_timeout; nothing more can be sent.
  virtual boost::asio::awaitable<bool> Write(std::string_view bytes) = 0;
};

/// A body that is produced while it is sent, such as a stream of events.
class BodyProducer {
 public:
  BodyProducer() = default;
  virtual ~BodyProducer() = default;
  BodyProducer(const BodyProducer&) = delete;
  BodyProducer& operator=(const BodyProducer&) = delete;

  /// Writes the body and returns at its end, or soon after a Write has failed or the server has
  /// begun to stop. If it throws, the connection is closed without the final chunk, so that the
  /// client notices the incomplete body.
  virtual boost::asio::awaitable<void> Produce(BodyWriter& out) = 0;
};

struct Response {
  int status = 200;
  std::string_view content_type = kJsonType;
  std::vector<Header> headers = {};
  std::string body = {};
  std::shared_ptr<BodyProducer> producer = {};  ///< Instead of `body`.
};

/// The parts of an answer that the connection decides, not the handler.
struct Framing {
  std::string_view request_id = {};
  std::string_view date = {};
  bool keep_alive = true;
  bool http_1_0 = false;      ///< Such clients need a header to keep the connection.
  bool without_body = false;  ///< The answer to HEAD.
};

/// Appends the serialized answer, with the headers that every answer has.
void AppendResponse(std::string& out, const Response& response, const Framing& framing);

/// Appends one chunk of a body (RFC 9112, section 7.1); an empty one ends the body.
void AppendChunk(std::string& out, std::string_view bytes);

/// The Date header's value (RFC 9110, section 6.6.1), formatted once a second.
class HttpDate {
 public:
  std::string_view Now();

 private:
  std::time_t formatted_ = 0;
  std::string text_;
};

}  // namespace djps::server
