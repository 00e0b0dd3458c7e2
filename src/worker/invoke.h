#pragma once

#include <boost/asio/awaitable.hpp>

#include "djps/worker.h"

namespace djps::worker {

// An exception of a handler becomes a Failed whose class is the exception's type. This is the only
// place that catches users' exceptions.

Outcome Invoke(const Handler& handler, const Job& job);
boost::asio::awaitable<Outcome> Invoke(const CoroutineHandler& handler, const Job& job);

}  // namespace djps::worker
