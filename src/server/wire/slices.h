#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstddef>
#include <string_view>

namespace djps::server {

/// Bytes parsed before other connections get a turn: well below a millisecond, or a few
/// milliseconds for a body that is made to be slow.
inline constexpr std::size_t kSliceBytes = 32U << 10U;

/// The size of a body that can be parsed at once without delaying others.
inline bool FitsSlice(std::string_view body) { return body.size() <= kSliceBytes; }

/// Gives other connections a turn.
inline boost::asio::awaitable<void> Yield() {
  co_await boost::asio::post(co_await boost::asio::this_coro::executor, boost::asio::use_awaitable);
}

/// Feeds a body to a parser slice by slice.
template <typename Parser>
boost::asio::awaitable<void> FeedInSlices(Parser& parser, std::string_view body) {
  while (!FitsSlice(body)) {
    parser.Feed(body.substr(0, kSliceBytes));
    body.remove_prefix(kSliceBytes);
    co_await Yield();
  }
  parser.Feed(body);
}

}  // namespace djps::server
