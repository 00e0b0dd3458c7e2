#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

struct z_stream_s;  // NOLINT(readability-identifier-naming): of zlib

namespace djps::server {

/// Decompresses a gzip body (RFC 1952) piece by piece, so that a large body does not block others,
/// and one that becomes too large is noticed early.
class Gunzip {
 public:
  enum class State { kMore, kDone, kBroken };

  /// `packed` must outlive it.
  explicit Gunzip(std::string_view packed);
  ~Gunzip();
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;

  /// Appends up to `bytes_max` decompressed bytes. kDone: the end, with a correct checksum.
  /// kBroken: this is not gzip, it was cut off, or data follows it.
  State Unpack(std::string& out, std::size_t bytes_max);

 private:
  std::unique_ptr<z_stream_s> stream_;
};

}  // namespace djps::server
