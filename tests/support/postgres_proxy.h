#pragma once

#include <libpq-fe.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_set>
#include <utility>

#include "support/temporary_folder.h"

namespace djps::test_support {

/// A proxy between a program and the Postgres of `conninfo`, which must name a unix socket's
/// folder. It can hold back answers of Postgres and break connections: then a statement was carried
/// out, but its caller gets no answer. Runs on its own thread; each call has taken effect when it
/// returns.
class PostgresProxy {
  using Protocol = boost::asio::local::stream_protocol;
  static constexpr auto kNoThrow = boost::asio::as_tuple(boost::asio::use_awaitable);

 public:
  explicit PostgresProxy(const std::string& conninfo)
      : conninfo_(conninfo + " host='" + folder_.path().string() + "' port=5432"),
        server_(HostOf(conninfo) + kSocket),
        acceptor_(io_, Protocol::endpoint(folder_.path().string() + kSocket)),
        released_(io_, boost::asio::steady_timer::time_point::max()) {
    Spawn(Accept());
    thread_ = std::thread([this] { io_.run(); });
  }
  ~PostgresProxy() {
    Do([this] {
      acceptor_.close();
      CutAll();
    });
    thread_.join();
  }
  PostgresProxy(const PostgresProxy&) = delete;
  PostgresProxy& operator=(const PostgresProxy&) = delete;

  /// The same database, by way of this.
  const std::string& conninfo() const { return conninfo_; }

  /// Holds back the answers of Postgres from now on.
  void Hold() {
    Do([this] { held_ = true; });
  }
  /// Releases the answers that were held back.
  void Release() {
    Do([this] {
      held_ = false;
      released_.cancel();
    });
  }
  /// Breaks all connections, and drops the answers that were held back. New connections work as
  /// usual.
  void Cut() {
    Do([this] { CutAll(); });
  }

 private:
  static constexpr const char* kSocket = "/.s.PGSQL.5432";

  struct Link {
    explicit Link(boost::asio::io_context& io) : program(io), postgres(io) {}
    Protocol::socket program;
    Protocol::socket postgres;
    void Close() {
      boost::system::error_code ignored;
      program.close(ignored);
      postgres.close(ignored);
    }
  };

  static std::string HostOf(const std::string& conninfo) {
    std::string host;
    PQconninfoOption* const options = PQconninfoParse(conninfo.c_str(), nullptr);
    for (auto* option = options; option != nullptr && option->keyword != nullptr; ++option) {
      if (std::string(option->keyword) == "host" && option->val != nullptr) host = option->val;
    }
    PQconninfoFree(options);
    return host;
  }

  void Do(std::function<void()> work) {
    boost::asio::post(io_, boost::asio::use_future(std::move(work))).get();
  }
  void Spawn(boost::asio::awaitable<void> work) {
    boost::asio::co_spawn(io_, std::move(work), [](const std::exception_ptr& error) {
      if (error) std::rethrow_exception(error);
    });
  }
  void CutAll() {
    for (const auto& link : links_) link->Close();
    held_ = false;
    released_.cancel();
  }

  boost::asio::awaitable<void> Accept() {
    while (acceptor_.is_open()) {
      auto link = std::make_shared<Link>(io_);
      const auto [refused] = co_await acceptor_.async_accept(link->program, kNoThrow);
      if (refused) continue;
      const auto [away] = co_await link->postgres.async_connect(server_, kNoThrow);
      if (away) continue;
      links_.insert(link);
      Spawn(Pump(link, link->program, link->postgres, false));
      Spawn(Pump(link, link->postgres, link->program, true));
    }
  }

  boost::asio::awaitable<void> Pump(std::shared_ptr<Link> link, Protocol::socket& from,
                                    Protocol::socket& to, bool answers) {
    std::array<char, 16'384> buffer;
    while (true) {
      const auto [ended, size] =
          co_await from.async_read_some(boost::asio::buffer(buffer), kNoThrow);
      if (ended) break;
      while (answers && held_) co_await released_.async_wait(kNoThrow);
      const auto [lost, written] =
          co_await boost::asio::async_write(to, boost::asio::buffer(buffer.data(), size), kNoThrow);
      if (lost) break;
    }
    link->Close();
    links_.erase(link);
  }

  TemporaryFolder folder_;
  std::string conninfo_;
  boost::asio::io_context io_{1};
  Protocol::endpoint server_;
  Protocol::acceptor acceptor_;
  boost::asio::steady_timer released_;  // never expires; canceled when answers may pass
  bool held_ = false;
  std::unordered_set<std::shared_ptr<Link>> links_;
  std::thread thread_;
};

}  // namespace djps::test_support
