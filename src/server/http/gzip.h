#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

struct z_stream_s;  // NOLINT(readability-identifier-naming): of zlib

namespace djps::server {

/// Unpacks a gzip body (RFC 1952) piece by piece, so that a large one holds nobody up and one that
/// unpacks to too much is noticed on the way.
class Gunzip {
 public:
  enum class State { kMore, kDone, kBroken };

  /// `packed` must outlive it.
  explicit Gunzip(std::string_view packed);
  ~Gunzip();
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;

  /// Appends up to `bytes_max` of what is packed. kDone: that was the end, and its check sum is
  /// right. kBroken: this is no gzip, was cut off, or something follows it.
  State Unpack(std::string& out, std::size_t bytes_max);

 private:
  std::unique_ptr<z_stream_s> stream_;
};

}  // namespace djps::server
