#include "worker/invoke.h"

#include <cxxabi.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdlib>
#include <memory>
#include <typeinfo>

namespace djps::worker {
namespace {

namespace asio = boost::asio;

std::string TypeName(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), &std::free);
  return status == 0 ? name.get() : type.name();
}

asio::awaitable<Outcome> CallBlocking(const Handler& handler, const Job& job) {
  co_return handler(job);
}

asio::awaitable<Outcome> Call(const AnyHandler& handler, const Job& job,
                              asio::thread_pool& threads) {
  if (const auto* plain = std::get_if<Handler>(&handler)) {
    co_return co_await asio::co_spawn(threads, CallBlocking(*plain, job), asio::use_awaitable);
  }
  co_return co_await std::get<CoroutineHandler>(handler)(job);
}

}  // namespace

asio::awaitable<Outcome> Invoke(const AnyHandler& handler, const Job& job,
                                asio::thread_pool& threads) {
  try {
    co_return co_await Call(handler, job, threads);
  } catch (const std::exception& error) {
    co_return Failed{.error_class = TypeName(typeid(error)), .message = error.what()};
  } catch (...) {
    co_return Failed{.error_class = "unknown_exception",
                     .message = "the handler threw something that is not a std::exception"};
  }
}

}  // namespace djps::worker
