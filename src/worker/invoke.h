#pragma once

#include <boost/asio/awaitable.hpp>

#include "djps/worker.h"

namespace djps::worker {

// Whatever a handler throws becomes a Failed whose class is the exception's type: this is the one
// place where users' exceptions end.

Outcome Invoke(const Handler& handler, const Job& job);
boost::asio::awaitable<Outcome> Invoke(const CoroutineHandler& handler, const Job& job);

}  // namespace djps::worker
