#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "bench/settings.h"

namespace djps::bench {

/// A way to submit jobs. Its calls throw std::exception when a submission fails.
class Submitter {
 public:
  Submitter() = default;
  virtual ~Submitter() = default;
  Submitter(const Submitter&) = delete;
  Submitter& operator=(const Submitter&) = delete;

  /// Returns once all of these jobs are committed. `client` (0..clients-1) has one call under way
  /// at a time.
  virtual boost::asio::awaitable<void> Submit(std::size_t client,
                                              std::vector<std::string> payloads) = 0;

  /// Ends the work that keeps the io_context running.
  virtual void Close() = 0;
};

/// Through the target's server if it has one, else directly to Postgres.
/// Throws std::invalid_argument or std::system_error for a server that cannot be found.
std::unique_ptr<Submitter> MakeSubmitter(boost::asio::io_context& io, const Target& target,
                                         const LoadSettings& load);

/// What the two kinds are made by.
std::unique_ptr<Submitter> MakeHttpSubmitter(boost::asio::io_context& io, const Target& target,
                                             const LoadSettings& load);
std::unique_ptr<Submitter> MakeStoreSubmitter(boost::asio::io_context& io, const Target& target,
                                              const LoadSettings& load);

}  // namespace djps::bench
