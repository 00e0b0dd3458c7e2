#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include "worker/registry.h"

namespace djps::worker {

/// Runs one handler: a plain function on `threads`, a coroutine here. Whatever it throws becomes a
/// Failed whose class is the exception's type: this is the one place where users' exceptions end.
boost::asio::awaitable<Outcome> Invoke(const AnyHandler& handler, const Job& job,
                                       boost::asio::thread_pool& threads);

}  // namespace djps::worker
