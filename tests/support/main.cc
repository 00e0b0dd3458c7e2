// The main of every test binary that needs a Postgres.
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <csignal>

#include "support/postgres.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  spdlog::set_level(spdlog::level::err);
  std::signal(SIGPIPE, SIG_IGN);
  djps::test_support::Postgres();  // registers it
  return RUN_ALL_TESTS();
}
