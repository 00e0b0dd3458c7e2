#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace djps::bench {

/// The peak memory of a process (VmHWM), in bytes; nothing if /proc does not have it.
std::optional<std::uint64_t> PeakMemory(pid_t pid);

/// The memory of a local Postgres with all its processes, each shared page counted once (the sum of
/// Pss); nothing if it is not available. `backend`: one of its processes.
std::optional<std::uint64_t> ServerMemory(pid_t backend);

/// The processor's name as /proc/cpuinfo has it, or "".
std::string ProcessorName();
std::uint64_t MachineMemory();

}  // namespace djps::bench
