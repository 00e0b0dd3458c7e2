#pragma once

#include <cstdio>
#include <cstdlib>

/// Ends the process when an invariant is broken: a bug, never bad input. Also active in release
/// builds, since continuing with a broken invariant could damage jobs.
#define DJPS_CHECK(condition)                                                                \
  do {                                                                                       \
    if (!(condition)) {                                                                      \
      std::fprintf(stderr, "%s:%d: broken invariant: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)
