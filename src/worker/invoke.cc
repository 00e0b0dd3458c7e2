#include "worker/invoke.h"

#include <cxxabi.h>

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

/// The type of the exception being handled.
Failed Describe() {
  try {
    throw;
  } catch (const std::exception& error) {
    return {.error_class = TypeName(typeid(error)), .message = error.what()};
  } catch (...) {
    return {.error_class = "unknown_exception",
            .message = "the handler threw something that is not a std::exception"};
  }
}

}  // namespace

Outcome Invoke(const Handler& handler, const Job& job) {
  try {
    return handler(job);
  } catch (...) {
    return Describe();
  }
}

asio::awaitable<Outcome> Invoke(const CoroutineHandler& handler, const Job& job) {
  try {
    co_return co_await handler(job);
  } catch (...) {
    co_return Describe();
  }
}

}  // namespace djps::worker
