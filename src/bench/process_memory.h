#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace djps::bench {

/// What a process had in memory at its largest (VmHWM), in bytes; nothing where /proc does not say.
std::optional<std::uint64_t> PeakMemory(pid_t pid);

/// What a local Postgres has in memory with all its processes, each shared page counted once (the
/// sum of Pss); nothing where it cannot be had. `backend`: one of its processes.
std::optional<std::uint64_t> ServerMemory(pid_t backend);

/// The processor's name as /proc/cpuinfo has it, or "".
std::string ProcessorName();
std::uint64_t MachineMemory();

}  // namespace djps::bench
