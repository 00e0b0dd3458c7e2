#pragma once

#include <cstdio>
#include <cstdlib>

/// Ends the process when an invariant of ours is broken: a bug, never input. On in release builds,
/// since going on with a broken invariant could harm somebody's jobs.
#define DJPS_CHECK(condition)                                                                \
  do {                                                                                       \
    if (!(condition)) {                                                                      \
      std::fprintf(stderr, "%s:%d: broken invariant: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)
