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
  kOpen,   ///< Everybody who can connect, so on the loopback address only.
  kToken,  ///< Who has a token, for every route but those of Role::kNone.
};

/// How the API listens and what it puts up with. Every limit bounds what one client can take.
struct ServerConfig {
  std::string address = "127.0.0.1";  ///< An IP address; 0.0.0.0 or :: for all of them.
  std::uint16_t port = 3000;          ///< 0: any free one; Server::port() tells which.

  AccessMode access = AccessMode::kOpen;
  /// Lets kOpen listen on any address: for where something else keeps strangers away.
  bool insecure_open_access = false;
  /// Names or addresses, besides this machine's own, by which kOpen may be called.
  std::vector<std::string> allowed_hosts = {};

  /// Bytes of a request line. Our longest path has 42; browsers and proxies allow about this.
  std::size_t uri_bytes_max = 8U << 10U;
  /// Bytes of request line and headers together. Cookies of other sites on one host may be long.
  std::size_t head_bytes_max = 16U << 10U;
  /// Bytes of a body, except for batches. A job's payload may have as much (kPayloadBytesMax).
  std::size_t body_bytes_max = 1U << 20U;
  /// Bytes of a batch's body: 10,000 jobs of 6 KiB, or 64 of the largest.
  std::size_t batch_bytes_max = 64U << 20U;

  /// Bytes of all bodies together that are being received or answered; those of up to 64 KiB are
  /// not counted. Beyond it the slowest makes way, or the new one is refused (503); one alone never
  /// is.
  std::size_t bodies_bytes_max = 256U << 20U;
  /// The same for those of one token; without tokens, of one address.
  std::size_t sender_bodies_bytes_max = 128U << 20U;
  /// A body that is not here after this may make way for a faster one.
  std::chrono::milliseconds body_slow_after{1'000};

  /// Bytes of all answers together that clients have not taken yet, of those with more than 64 KiB.
  /// Beyond it a GET is refused (503).
  std::size_t answers_bytes_max = 256U << 20U;

  /// What may wait to be written: submissions, and as much again that workers say about their jobs.
  /// Beyond it requests are refused (503) instead of piling up.
  store::BacklogLimits backlog{};

  /// Open connections. One costs about 10 KiB while idle. Beyond it the longest idle one is closed.
  std::size_t connections_max = 10'000;
  /// Those of one address (of a network of 64 bits with IPv6). A proxy is one address.
  std::size_t connections_per_address_max = 5'000;

  /// From a request's first byte to the end of its headers.
  std::chrono::milliseconds head_timeout{10'000};
  /// For the whole body: a batch of 64 MiB at 17 Mbit/s.
  std::chrono::milliseconds body_timeout{30'000};
  /// How long a connection may stay without a request: longer than load balancers keep theirs (60
  /// s), so that it is they who close.
  std::chrono::milliseconds idle_timeout{75'000};
  /// The same for one that has not shown a valid token.
  std::chrono::milliseconds stranger_idle_timeout{10'000};
  /// For the whole answer to be taken.
  std::chrono::milliseconds write_timeout{30'000};
  /// How often a stream without news says that it is alive: below the idle timeout of proxies.
  std::chrono::milliseconds stream_heartbeat{15'000};
  /// How long a client may go on sending after an answer that refuses its body.
  std::chrono::milliseconds linger_timeout{2'000};
  /// Refuse a known idempotency key that comes with another payload (422), instead of answering
  /// with the job it names. A request may ask for it with "Prefer: handling=strict".
  bool strict_idempotency = false;

  /// For everything a request asks of the database.
  std::chrono::milliseconds store_timeout{10'000};
  /// The same for /health: who asks wants to know now.
  std::chrono::milliseconds health_timeout{2'000};
  /// Between two readings of the tokens, however many unknown ones are tried.
  std::chrono::milliseconds token_reload_pause{100};
};

}  // namespace djps::server
