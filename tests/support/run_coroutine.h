#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace djps::test_support {

/// Long enough for a loaded machine under a sanitizer; reached only when something hangs.
inline constexpr std::chrono::seconds kRunDeadline{60};

/// `done` below may depend on things that wake no handler, such as a file.
inline constexpr std::chrono::milliseconds kPollInterval{5};

/// Runs `context` until `done()` holds; false when that did not happen within `deadline`.
inline bool RunUntil(boost::asio::io_context& context, const std::function<bool()>& done,
                     std::chrono::milliseconds deadline = kRunDeadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    if (context.stopped()) context.restart();
    context.run_one_for(kPollInterval);
  }
  return true;
}

/// Runs a coroutine to its end on `context` and returns its value or throws its exception.
template <typename T>
T RunCoroutine(boost::asio::io_context& context, boost::asio::awaitable<T> coroutine) {
  std::exception_ptr failure;
  bool done = false;
  if constexpr (std::is_void_v<T>) {
    boost::asio::co_spawn(context, std::move(coroutine), [&](std::exception_ptr error) {
      failure = std::move(error);
      done = true;
    });
    if (!RunUntil(context, [&] { return done; })) throw std::runtime_error("coroutine hangs");
    if (failure) std::rethrow_exception(failure);
  } else {
    std::optional<T> value;
    boost::asio::co_spawn(context, std::move(coroutine), [&](std::exception_ptr error, T result) {
      failure = std::move(error);
      value = std::move(result);
      done = true;
    });
    if (!RunUntil(context, [&] { return done; })) throw std::runtime_error("coroutine hangs");
    if (failure) std::rethrow_exception(failure);
    return std::move(*value);
  }
}

/// The same on a context of its own.
template <typename T>
T RunCoroutine(boost::asio::awaitable<T> coroutine) {
  boost::asio::io_context context(1);
  return RunCoroutine(context, std::move(coroutine));
}

}  // namespace djps::test_support
