#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>

namespace djps::test_support {

/// The seed of a randomised test: DJPS_TEST_SEED to repeat a run, else a fresh one. Tests show it
/// when they fail.
inline std::uint64_t TestSeed() {
  const char* wanted = std::getenv("DJPS_TEST_SEED");  // NOLINT(concurrency-mt-unsafe)
  if (wanted != nullptr) return std::strtoull(wanted, nullptr, 10);
  return std::random_device()();
}

}  // namespace djps::test_support
