#pragma once

#include <gtest/gtest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pg/error.h"
#include "support/run_coroutine.h"

namespace djps::test_support {

/// Concurrent calls from many coroutines, and their results.
template <typename T>
class Together {
 public:
  struct Outcome {
    std::optional<T> value;
    std::string sqlstate;
    bool unknown = false;
  };

  void Start(boost::asio::io_context& io, boost::asio::awaitable<T> call) {
    auto outcome = std::make_shared<Outcome>();
    outcomes_.push_back(outcome);
    ++*left_;
    boost::asio::co_spawn(io, Keep(std::move(call), outcome, left_),
                          [](const std::exception_ptr& error) {
                            if (error) std::rethrow_exception(error);
                          });
  }
  /// Runs them to their end.
  const std::vector<std::shared_ptr<Outcome>>& Finish(boost::asio::io_context& io) {
    EXPECT_TRUE(RunUntil(io, [this] { return *left_ == 0; }));
    return outcomes_;
  }

 private:
  static boost::asio::awaitable<void> Keep(boost::asio::awaitable<T> call,
                                           std::shared_ptr<Outcome> outcome,
                                           std::shared_ptr<int> left) {
    try {
      outcome->value = co_await std::move(call);
    } catch (const pg::PgError& error) {
      outcome->sqlstate = error.sqlstate();
      outcome->unknown = error.outcome_unknown();
    }
    --*left;
  }

  std::vector<std::shared_ptr<Outcome>> outcomes_;
  std::shared_ptr<int> left_ = std::make_shared<int>(0);
};

}  // namespace djps::test_support
