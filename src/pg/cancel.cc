#include "pg/cancel.h"

#include <spdlog/spdlog.h>

#include <array>
#include <atomic>
#include <memory>
#include <system_error>

#include "core/quiet_thread.h"

namespace djps::pg {
namespace {

struct CancelDeleter {
  void operator()(PGcancel* cancel) const { PQfreeCancel(cancel); }
};

/// The number of running cancels in this process.
std::atomic<int>& UnderWay() {
  static std::atomic<int> count = 0;
  return count;
}

}  // namespace

void SendCancel(PGconn* conn) {
  const std::shared_ptr<PGcancel> cancel(PQgetCancel(conn), CancelDeleter());
  if (!cancel) return;
  if (++UnderWay() > kCancelsAtOnce) {
    --UnderWay();
    return;
  }
  try {
    // It may outlive everything else in the process, so it uses only its own copy. The connection
    // shows whether it succeeded.
    ThreadWithoutSignals([cancel] {
      std::array<char, 256> why{};
      PQcancel(cancel.get(), why.data(), why.size());
      --UnderWay();
    }).detach();
  } catch (const std::system_error& error) {
    --UnderWay();
    spdlog::debug("could not cancel a statement: {}", error.what());
  }
}

}  // namespace djps::pg
