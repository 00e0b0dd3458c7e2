#include "server/http/gzip.h"

#define ZLIB_CONST  // so that its input may be const
#include <zlib.h>

#include <new>

namespace djps::server {

Gunzip::Gunzip(std::string_view packed) : stream_(std::make_unique<z_stream_s>()) {
  // zlib takes lengths of 32 bits; ServerConfig's limits of a body are far below.
  stream_->next_in = reinterpret_cast<const Bytef*>(packed.data());
  stream_->avail_in = static_cast<uInt>(packed.size());
  constexpr int kGzipOnly = 16;
  if (inflateInit2(stream_.get(), MAX_WBITS + kGzipOnly) != Z_OK) throw std::bad_alloc();
}

Gunzip::~Gunzip() { inflateEnd(stream_.get()); }

Gunzip::State Gunzip::Unpack(std::string& out, std::size_t bytes_max) {
  const std::size_t before = out.size();
  out.resize(before + bytes_max);
  stream_->next_out = reinterpret_cast<Bytef*>(out.data() + before);
  stream_->avail_out = static_cast<uInt>(bytes_max);
  const int result = inflate(stream_.get(), Z_NO_FLUSH);
  out.resize(out.size() - stream_->avail_out);
  if (result == Z_MEM_ERROR) throw std::bad_alloc();
  if (result == Z_STREAM_END) return stream_->avail_in == 0 ? State::kDone : State::kBroken;
  // If there is output space left, the input has ended too early: the body was cut off.
  return result == Z_OK && stream_->avail_out == 0 ? State::kMore : State::kBroken;
}

}  // namespace djps::server
