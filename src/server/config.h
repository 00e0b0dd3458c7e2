#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "store/batching/backlog.h"

namespace djps::server {

/// Who may call the API.
enum class AccessMode : std::uint8_t {
  kOpen,   ///< Everyone who can connect; only allowed on the loopback address.
  kToken,  ///< Callers with a token, except for routes of Role::kNone.
};

/// How the API listens, and its limits. Every limit bounds what one client can use.
struct ServerConfig {
  std::string address = "127.0.0.1";  ///< An IP address; 0.0.0.0 or :: for all addresses.
  std::uint16_t port = 3000;          ///< 0: any free port; Server::port() returns it.

  AccessMode access = AccessMode::kOpen;
  /// Lets kOpen listen on any address: for networks that something else protects.
  bool insecure_open_access = false;
  /// Other host names or addresses that callers may use for this server with kOpen.
  std::vector<std::string> allowed_hosts = {};

  /// Bytes of a request line. Our longest path has 42; browsers and proxies allow about this.
  std::size_t uri_bytes_max = 8U << 10U;
  /// Bytes of request line and headers together. Cookies of other sites on one host may be long.
  std::size_t head_bytes_max = 16U << 10U;
  /// Bytes of a body, except for batches. A job's payload may be as large (kPayloadBytesMax).
  std::size_t body_bytes_max = 1U << 20U;
  /// Bytes of a batch's body: 10,000 jobs of 6 KiB, or 64 of the largest.
  std::size_t batch_bytes_max = 64U << 20U;

  /// Total bytes of all bodies that are being received or answered; bodies up to 64 KiB are not
  /// counted. Above it, the slowest body is dropped or the new one is refused (503). A single body
  /// is never refused.
  std::size_t bodies_bytes_max = 256U << 20U;
  /// The same for the bodies of one token; without tokens, of one address.
  std::size_t sender_bodies_bytes_max = 128U << 20U;
  /// A body that takes longer may be dropped for a faster one.
  std::chrono::milliseconds body_slow_after{1'000};

  /// Total bytes of answers that clients have not read yet; answers up to 64 KiB are not counted.
  /// Above it, a GET is refused (503).
  std::size_t answers_bytes_max = 256U << 20U;

  /// Bytes that may wait to be written to the database: submissions, and separately the reports of
  /// workers. Above it, requests are refused (503).
  store::BacklogLimits backlog{};

  /// Open connections. An idle one costs about 10 KiB. Above it, the connection idle for longest is
  /// closed.
  std::size_t connections_max = 10'000;
  /// Connections of one address (with IPv6: of one /64 network). A proxy is one address.
  std::size_t connections_per_address_max = 5'000;

  /// From a request's first byte to the end of its headers.
  std::chrono::milliseconds head_timeout{10'000};
  /// For the whole body: enough for a batch of 64 MiB at 17 Mbit/s.
  std::chrono::milliseconds body_timeout{30'000};
  /// How long a connection may stay without a request: longer than load balancers wait (60 s), so
  /// that they close first.
  std::chrono::milliseconds idle_timeout{75'000};
  /// The same for a connection that has not sent a valid token.
  std::chrono::milliseconds stranger_idle_timeout{10'000};
  /// For the client to read the whole answer.
  std::chrono::milliseconds write_timeout{30'000};
  /// How often a stream without events sends a comment: below the idle timeout of proxies.
  std::chrono::milliseconds stream_heartbeat{15'000};
  /// How long a client may continue to send after an answer that refuses its body.
  std::chrono::milliseconds linger_timeout{2'000};
  /// Refuse a known idempotency key with another payload (422) instead of answering with its job. A
  /// request can ask for the same with "Prefer: handling=strict".
  bool strict_idempotency = false;

  /// For all statements of one request.
  std::chrono::milliseconds store_timeout{10'000};
  /// The same for /health, which needs a quick answer.
  std::chrono::milliseconds health_timeout{2'000};
  /// Between two readings of the tokens, however many unknown tokens arrive.
  std::chrono::milliseconds token_reload_pause{100};
};

}  // namespace djps::server
