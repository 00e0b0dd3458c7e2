#include "server/http/session.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <exception>
#include <utility>

#include "server/http/gzip.h"

namespace djps::server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

// Below, the result of a step is stored before it is tested: for `if (!co_await Step())` g++ 12
// makes a frame whose first resume jumps to an invalid address.
constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);

// A typical request fits, and 10,000 waiting connections cost 40 MB.
constexpr std::size_t kHeadReadBytes = 4096;
constexpr std::size_t kBodyReadBytes = 64U << 10U;
// Buffers that grew larger than this for one request are freed after it.
constexpr std::size_t kBufferKeepBytes = 64U << 10U;
// Bytes decompressed before other connections get a turn: well below a millisecond.
constexpr std::size_t kUnpackBytes = 128U << 10U;
constexpr std::string_view kNoRoom =
    "The bodies of other requests use all the memory that this server has for bodies. Nothing was "
    "changed; try again soon.";
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

std::string MakeRequestId(RandomSource& random) {
  std::array<std::uint8_t, 8> bytes{};
  random.Fill(bytes);
  std::string id;
  for (const std::uint8_t byte : bytes) {
    constexpr char kHexDigits[] = "0123456789abcdef";
    id += kHexDigits[byte >> 4U];
    id += kHexDigits[byte & 0xfU];
  }
  return id;
}

std::optional<Problem> LineTrouble(HeadScanner::State state) {
  switch (state) {
    case HeadScanner::State::kIncomplete:
    case HeadScanner::State::kComplete:
      return std::nullopt;
    case HeadScanner::State::kBareLineFeed:
      return Problem{ProblemKind::kMalformedRequest,
                     "Header lines end with a carriage return and a line feed."};
    case HeadScanner::State::kFoldedLine:
      return Problem{ProblemKind::kMalformedRequest,
                     "Headers that continue on the next line are not supported."};
    case HeadScanner::State::kNoRequest:
      return Problem{ProblemKind::kMalformedRequest,
                     "This is not HTTP/1.1; this port does not speak TLS."};
  }
  return std::nullopt;
}

}  // namespace

/// The body of a streamed answer, in chunks if the client supports them.
class Session::StreamWriter : public BodyWriter {
 public:
  explicit StreamWriter(Session& session)
      : session_(session), chunked_(session.parser_->get().version() != 10) {}

  asio::awaitable<bool> Write(std::string_view bytes) override {
    if (bytes.empty()) co_return !failed_;  // an empty chunk would end the body
    const bool sent = co_await Send(bytes);
    co_return sent;
  }

  asio::awaitable<bool> End() {
    if (!chunked_) co_return !failed_;
    const bool sent = co_await Send({});
    co_return sent;
  }

 private:
  asio::awaitable<bool> Send(std::string_view bytes) {
    if (failed_) co_return false;
    session_.out_.clear();
    if (chunked_) {
      AppendChunk(session_.out_, bytes);
    } else {
      session_.out_.append(bytes);
    }
    const bool written = co_await session_.WriteOut();
    session_.deadline_ = Clock::time_point::max();  // producing the next bytes may take long
    failed_ = !written;
    co_return written;
  }

  Session& session_;
  bool chunked_;
  bool failed_ = false;
};

Session::Session(asio::ip::tcp::socket socket, std::string peer, SessionContext& context)
    : socket_(std::move(socket)),
      peer_(std::move(peer)),
      context_(context),
      config_(context.config) {
  error_code ignored;  // without it, answers are only slower
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  SetDeadline(config_.head_timeout);
}

asio::awaitable<void> Session::Run() {
  while (!closing_) {
    BeginRequest();
    const bool received = co_await ReadRequest();
    if (!received) break;
    deadline_ = Clock::time_point::max();  // the handler has its own
    Response response;
    if (refusal_) {
      ReleaseBody();  // it must not use memory while the client reads the answer
      response = ProblemResponse(*refusal_, request_id_);
    } else {
      response = co_await exchange_->Answer(request_id_, socket_.native_handle());
      known_ = known_ || exchange_->sender_known();
      MakeRoomForAnswer(response);
    }
    const auto& message = parser_->get();
    // Without chunks, only closing the connection can end a stream.
    const bool unbounded = response.producer && message.version() == 10;
    closing_ = closing_ || refusal_ || unbounded || !message.keep_alive();
    const bool written = co_await WriteResponse(response);
    if (!written) break;
    if (refusal_) co_await Linger();
  }
  CloseSocket();
}

void Session::BeginRequest() {
  exchange_.reset();
  parser_.emplace();
  body_place_.reset();
  answer_place_.reset();
  body_room_ = kBodyReadBytes;
  parser_->header_limit(static_cast<std::uint32_t>(config_.head_bytes_max));
  parser_->body_limit(boost::none);  // set when the route is known
  refusal_.reset();
  request_id_.clear();
  timed_out_ = false;
  if (buffer_.size() == 0 && buffer_.capacity() > kBufferKeepBytes) buffer_.shrink_to_fit();
}

asio::awaitable<bool> Session::ReadRequest() {
  JoinLine();
  const bool head = co_await ReadHead();
  LeaveLine();
  if (!head) co_return false;
  if (!refusal_) ParseHead();
  ChooseRequestId();
  if (!refusal_ && !BodyIsHere()) {
    // So a client without a token cannot make this server keep up to 64 MiB, and no client sends a
    // body in vain.
    refusal_ = co_await exchange_->RefuseHead();
  }
  if (refusal_) co_return true;
  const bool body = co_await ReadBody();
  if (body && !refusal_ && coding_ == ContentCoding::kGzip) co_await UnpackBody();
  co_return body;
}

asio::awaitable<bool> Session::ReadHead() {
  HeadScanner scanner;
  idle_ = buffer_.size() == 0;
  // A new connection should send a request soon; a kept connection may be idle for a while.
  const auto idle_timeout = known_ ? config_.idle_timeout : config_.stranger_idle_timeout;
  SetDeadline(idle_ && !first_request_ ? idle_timeout : config_.head_timeout);
  first_request_ = false;
  while (true) {
    if (idle_ && buffer_.size() > 0) {
      idle_ = false;
      SetDeadline(config_.head_timeout);
    }
    // RFC 9112, section 2.2: an empty line before the request is allowed.
    while (Received().starts_with("\r\n")) buffer_.consume(2);
    const auto state =
        Received() == "\r" ? HeadScanner::State::kIncomplete : scanner.Scan(Received());
    if (state == HeadScanner::State::kComplete) co_return true;
    refusal_ = LineTrouble(state);
    if (refusal_ || HeadTooLong()) co_return true;
    const bool more = co_await ReadMore(kHeadReadBytes);
    if (more) continue;
    if (!timed_out_ || idle_) co_return false;
    refusal_ = Problem{ProblemKind::kRequestTimeout, "The headers did not arrive in time."};
    co_return true;
  }
}

bool Session::HeadTooLong() {
  const std::string_view head = Received();
  if (head.find('\n') == std::string_view::npos && head.size() > config_.uri_bytes_max) {
    refusal_ = Problem{ProblemKind::kUriTooLong,
                       fmt::format("A request line has at most {} bytes.", config_.uri_bytes_max)};
  } else if (head.size() > config_.head_bytes_max) {
    refusal_ = HeadersTooLarge();
  }
  return refusal_.has_value();
}

void Session::ParseHead() {
  error_code error;
  const std::size_t parsed = parser_->put(buffer_.data(), error);
  if (!error && !parser_->is_header_done()) error = http::error::need_more;
  buffer_.consume(parsed);
  if (error == http::error::header_limit || parsed > config_.head_bytes_max) {
    refusal_ = HeadersTooLarge();
    return;
  }
  if (error) {
    refusal_ = Problem{ProblemKind::kMalformedRequest,
                       fmt::format("The request cannot be read: {}.", error.message())};
    return;
  }
  const auto& message = parser_->get();
  if (message.target().size() > config_.uri_bytes_max) {
    refusal_ = Problem{ProblemKind::kUriTooLong,
                       fmt::format("A URI has at most {} bytes.", config_.uri_bytes_max)};
    return;
  }
  if (auto trouble = HeaderTrouble(message.base(), parser_->chunked())) {
    refusal_ = Problem{ProblemKind::kMalformedRequest, std::move(*trouble)};
    return;
  }
  const auto coding = ContentCodingOf(message.base());
  if (!coding) {
    refusal_ = Problem{ProblemKind::kUnsupportedEncoding,
                       "Content-Encoding may be gzip; other encodings are not supported."};
    return;
  }
  coding_ = *coding;
  auto begun = context_.begin(message);
  if (!begun) {
    refusal_ = std::move(begun.error());
    return;
  }
  exchange_ = *std::move(begun);
  if (parser_->content_length().value_or(0) > BodyBytesMax()) refusal_ = BodyTooLarge();
}

void Session::ChooseRequestId() {
  const auto& message = parser_->get();
  const auto sent = message.find("X-Request-Id");
  if (sent != message.end() && IsSaneRequestId(sent->value())) {
    request_id_ = std::string_view(sent->value());
  } else {
    request_id_ = MakeRequestId(context_.random);
  }
}

std::size_t Session::BodyBytesMax() const {
  return exchange_ ? exchange_->body_bytes_max() : config_.body_bytes_max;
}

bool Session::BodyIsHere() const {
  if (parser_->is_done()) return true;
  return !parser_->chunked() && parser_->content_length().value_or(0) <= buffer_.size();
}

Problem Session::HeadersTooLarge() const {
  return {ProblemKind::kHeadersTooLarge,
          fmt::format("Request line and headers have at most {} bytes together.",
                      config_.head_bytes_max)};
}

Problem Session::BodyTooLarge() const {
  return {ProblemKind::kBodyTooLarge,
          fmt::format("The body may have at most {} bytes here.", BodyBytesMax())};
}

bool Session::ExpectsContinue() const {
  const auto& message = parser_->get();
  return message.version() == 11 && buffer_.size() == 0 &&
         beast::iequals(message[http::field::expect], "100-continue");
}

asio::awaitable<bool> Session::ReadBody() {
  if (parser_->is_done()) co_return true;
  if (ExpectsContinue()) {
    out_.assign(kContinue);
    const bool written = co_await WriteOut();
    if (!written) co_return false;
  }
  SetDeadline(config_.body_timeout);
  parser_->body_limit(BodyBytesMax());
  parser_->eager(true);
  while (true) {
    error_code error;
    const std::size_t parsed = parser_->put(buffer_.data(), error);
    buffer_.consume(parsed);
    if (error == http::error::body_limit) {
      refusal_ = BodyTooLarge();
    } else if (error && error != http::error::need_more) {
      refusal_ = Problem{ProblemKind::kMalformedRequest,
                         fmt::format("The body cannot be read: {}.", error.message())};
    } else if (parsed == 0 && buffer_.size() > config_.head_bytes_max) {
      refusal_ =
          Problem{ProblemKind::kMalformedRequest, "A chunk's header or the trailer is too long."};
    } else if (!MakeRoomForBody(parser_->get().body().size())) {
      refusal_ = Problem{ProblemKind::kOverloaded, std::string(kNoRoom)};
    }
    if (refusal_ || parser_->is_done()) break;
    const bool more = co_await ReadMore(kBodyReadBytes);
    if (refusal_) break;  // dropped for a faster one
    if (more) continue;
    if (!timed_out_) co_return false;
    refusal_ = Problem{ProblemKind::kRequestTimeout, "The body did not arrive in time."};
    break;
  }
  if (body_place_) body_place_->Complete();
  co_return true;
}

asio::awaitable<void> Session::UnpackBody() {
  std::string& body = parser_->get().body();
  if (body.empty()) co_return;
  const std::string packed = std::exchange(body, {});
  Gunzip gunzip(packed);
  auto state = Gunzip::State::kMore;
  while (!refusal_ && state == Gunzip::State::kMore) {
    state = gunzip.Unpack(body, kUnpackBytes);
    if (state == Gunzip::State::kBroken) {
      refusal_ = Problem{ProblemKind::kMalformedRequest, "The body is not valid gzip."};
    } else if (body.size() > BodyBytesMax()) {
      refusal_ = BodyTooLarge();
    } else if (!MakeRoomForBody(packed.size() + body.size())) {
      refusal_ = Problem{ProblemKind::kOverloaded, std::string(kNoRoom)};
    }
    // Other connections get a turn between the pieces of a large one.
    if (state == Gunzip::State::kMore) co_await asio::post(socket_.get_executor(), kNoThrow);
  }
}

/// Counts received bytes, not announced ones: an announcement reserves nothing.
bool Session::MakeRoomForBody(std::size_t size) {
  if (size <= body_room_) return true;
  if (!body_place_) {
    const std::string sender = exchange_->sender();
    body_place_.emplace(context_.bodies, sender.empty() ? peer_ : sender, [this] { DropBody(); });
  }
  body_room_ = std::max(size, std::min(2 * size, BodyBytesMax()));
  return body_place_->Grow(body_room_);
}

void Session::ReleaseBody() {
  std::string().swap(parser_->get().body());
  body_place_.reset();
}

void Session::DropBody() {
  refusal_ = Problem{ProblemKind::kOverloaded, std::string(kNoRoom)};
  std::string().swap(parser_->get().body());
  error_code ignored;
  socket_.cancel(ignored);
}

void Session::JoinLine() {
  line_ = known_ ? &context_.idle.known : &context_.idle.strangers;
  line_->splice(line_->end(), place_);
}

void Session::LeaveLine() {
  if (line_ != nullptr) place_.splice(place_.begin(), *std::exchange(line_, nullptr), self_);
}

/// Refuses to keep a large answer while answers to slow clients use up the memory. Only for reads,
/// which can be repeated: a claim or a submission has been carried out.
void Session::MakeRoomForAnswer(Response& response) {
  const std::size_t size = response.body.size();
  if (size <= kBodyReadBytes || parser_->get().method() != http::verb::get) return;
  try {
    answer_place_.emplace(store::Backlog::Enter(context_.answers, 1, size));
  } catch (const store::OverloadedError&) {
    response =
        ProblemResponse({ProblemKind::kOverloaded,
                         "Answers that other clients have not read yet use all the memory that "
                         "this server has for answers. Try again soon, or with a smaller limit."},
                        request_id_);
  }
}

asio::awaitable<bool> Session::ReadMore(std::size_t bytes) {
  const auto [error, read] = co_await socket_.async_read_some(buffer_.prepare(bytes), kNoThrow);
  buffer_.commit(read);
  co_return !error;
}

asio::awaitable<bool> Session::WriteResponse(const Response& response) {
  const auto& message = parser_->get();
  out_.clear();
  AppendResponse(out_, response,
                 {.request_id = request_id_,
                  .date = context_.date.Now(),
                  .keep_alive = !closing_,
                  .http_1_0 = message.version() == 10,
                  .without_body = message.method() == http::verb::head});
  bool written = co_await WriteOut();
  if (written && response.producer && message.method() != http::verb::head) {
    written = co_await WriteStream(*response.producer);
  }
  if (out_.capacity() > kBufferKeepBytes) out_ = {};
  co_return written;
}

asio::awaitable<bool> Session::WriteStream(BodyProducer& producer) {
  deadline_ = Clock::time_point::max();
  StreamWriter writer(*this);
  try {
    co_await producer.Produce(writer);
  } catch (const std::exception& error) {
    spdlog::warn("request {}: the event stream ended early: {}", request_id_, error.what());
    co_return false;
  }
  const bool ended = co_await writer.End();
  co_return ended;
}

asio::awaitable<bool> Session::WriteOut() {
  SetDeadline(config_.write_timeout);
  const auto [error, written] = co_await asio::async_write(socket_, asio::buffer(out_), kNoThrow);
  co_return !error;
}

asio::awaitable<void> Session::Linger() {
  // Closing with unread bytes makes the kernel send a reset, which can destroy the answer on its
  // way. So this shuts down the sending side first, and discards what the client still sends.
  error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  SetDeadline(config_.linger_timeout);
  while (Clock::now() < deadline_) {
    buffer_.consume(buffer_.size());
    const bool more = co_await ReadMore(kBodyReadBytes);
    if (!more) break;
  }
}

void Session::SetDeadline(std::chrono::milliseconds timeout) {
  timed_out_ = false;
  deadline_ = Clock::now() + timeout;
}

void Session::EnforceDeadline(Clock::time_point now) {
  if (now < deadline_) return;
  timed_out_ = true;
  error_code ignored;
  socket_.cancel(ignored);
}

void Session::Stop() {
  closing_ = true;
  if (idle_) CloseSocket();
}

void Session::Abort() {
  closing_ = true;
  LeaveLine();
  CloseSocket();
}

void Session::CloseSocket() {
  error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
}

std::string_view Session::Received() const {
  return {static_cast<const char*>(buffer_.cdata().data()), buffer_.size()};
}

}  // namespace djps::server
