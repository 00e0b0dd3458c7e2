#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/random.h"
#include "server/config.h"
#include "server/http/body_budget.h"
#include "server/http/exchange.h"
#include "server/http/request_head.h"

namespace djps::server {

class Session;

/// The connections that are idle or have sent only a part of a request's head. When there are too
/// many, the first one of a list is closed first.
struct IdleLines {
  std::list<Session*> strangers = {};  ///< Those that have sent no valid token.
  std::list<Session*> known = {};
};

/// What all connections share. The server owns it.
struct SessionContext {
  const ServerConfig& config;
  BeginExchange begin;
  std::shared_ptr<BodyBudget> bodies;       ///< The memory of large request bodies.
  std::shared_ptr<store::Backlog> answers;  ///< The memory of large answers.
  IdleLines idle = {};
  HttpDate date = {};
  RandomSource random = {};
};

/// One client connection: reads requests one after another, has them handled, writes the answers.
///
/// Deadlines: each phase sets one; the server checks those of all sessions regularly. This costs a
/// request nothing; a timer per read would cost more than the read.
/// Lifetime: the code that spawned Run keeps the session until Run has ended.
/// Thread-safety: everything on one single-threaded executor.
class Session {
 public:
  using Clock = std::chrono::steady_clock;

  Session(boost::asio::ip::tcp::socket socket, std::string peer, SessionContext& context);

  /// The client's address (PeerOf).
  const std::string& peer() const { return peer_; }

  /// Serves the connection until it ends.
  boost::asio::awaitable<void> Run();

  /// Ends the current phase if its deadline has passed.
  void EnforceDeadline(Clock::time_point now);

  /// Lets a request in progress finish, then closes; an idle connection is closed at once.
  void Stop();

  /// Closes now, also during a request.
  void Abort();

 private:
  class StreamWriter;
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  // The reading steps return false when the client is gone, so that no answer is needed. For a
  // refused request they set refusal_ and return true; the connection is closed after that answer.
  boost::asio::awaitable<bool> ReadRequest();
  boost::asio::awaitable<bool> ReadHead();
  boost::asio::awaitable<bool> ReadBody();
  boost::asio::awaitable<bool> ReadMore(std::size_t bytes);
  boost::asio::awaitable<void> UnpackBody();
  bool MakeRoomForBody(std::size_t size);
  void MakeRoomForAnswer(Response& response);
  void ReleaseBody();
  void DropBody();
  void JoinLine();
  void LeaveLine();

  void BeginRequest();
  void ParseHead();
  bool HeadTooLong();
  void ChooseRequestId();
  std::size_t BodyBytesMax() const;
  bool BodyIsHere() const;
  Problem HeadersTooLarge() const;
  Problem BodyTooLarge() const;
  bool ExpectsContinue() const;

  boost::asio::awaitable<bool> WriteResponse(const Response& response);
  boost::asio::awaitable<bool> WriteStream(BodyProducer& producer);
  boost::asio::awaitable<bool> WriteOut();
  boost::asio::awaitable<void> Linger();
  void SetDeadline(std::chrono::milliseconds timeout);
  void CloseSocket();
  std::string_view Received() const;

  boost::asio::ip::tcp::socket socket_;
  std::string peer_;
  SessionContext& context_;
  const ServerConfig& config_;
  boost::beast::flat_buffer buffer_;  // received, not yet consumed; may hold further requests
  std::string out_;
  std::optional<Parser> parser_;
  std::size_t body_room_ = 0;  // bytes that the body may have before it must ask for more
  std::optional<BodyBudget::Place> body_place_;
  std::optional<store::Backlog::Place> answer_place_;
  ContentCoding coding_ = ContentCoding::kNone;
  std::unique_ptr<Exchange> exchange_;  // for the request in parser_
  std::string request_id_;
  std::optional<Problem> refusal_;
  Clock::time_point deadline_ = Clock::time_point::max();
  std::list<Session*> place_ = {this};  // its one element moves into a list and back
  std::list<Session*>::iterator self_ = place_.begin();
  std::list<Session*>* line_ = nullptr;  // the list that has it
  bool first_request_ = true;
  bool known_ = false;  // has sent a valid token, or needs none
  bool timed_out_ = false;
  bool idle_ = true;      // no byte of the next request has arrived
  bool closing_ = false;  // no request after this one
};

}  // namespace djps::server
