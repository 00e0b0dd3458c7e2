#include "bench/process_memory.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>

namespace djps::bench {
namespace {

/// The number of a line "Name:   1234 kB" of a file in /proc, in bytes.
std::optional<std::uint64_t> ReadField(const std::string& path, std::string_view name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(name)) continue;
    std::istringstream rest(line.substr(name.size()));
    std::uint64_t kilobytes = 0;
    if (rest >> kilobytes) return kilobytes * 1024;
  }
  return std::nullopt;
}

struct ProcessStat {
  std::string name;
  pid_t parent = 0;
};

/// /proc/PID/stat: "PID (NAME) STATE PARENT ..."; the name may hold anything.
std::optional<ProcessStat> ReadStat(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string line;
  std::getline(file, line);
  const std::size_t open = line.find('(');
  const std::size_t close = line.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open) return std::nullopt;
  std::istringstream rest(line.substr(close + 1));
  std::string state;
  ProcessStat stat{line.substr(open + 1, close - open - 1), 0};
  if (!(rest >> state >> stat.parent)) return std::nullopt;
  return stat;
}

}  // namespace

std::optional<std::uint64_t> PeakMemory(pid_t pid) {
  return ReadField(fmt::format("/proc/{}/status", pid), "VmHWM:");
}

std::optional<std::uint64_t> ServerMemory(pid_t backend) {
  const auto own = ReadStat(std::to_string(backend));
  // The number is of another machine's process unless it is a Postgres here, too.
  if (!own || own->name != "postgres") return std::nullopt;
  const std::string postmaster = std::to_string(own->parent);
  std::uint64_t sum = 0;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", failed)) {
    const std::string pid = entry.path().filename();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto stat = ReadStat(pid);
    if (!stat || (pid != postmaster && stat->parent != own->parent)) continue;
    const auto pss = ReadField(fmt::format("/proc/{}/smaps_rollup", pid), "Pss:");
    if (pss) {
      sum += *pss;
    } else if (pid == postmaster) {
      return std::nullopt;
    }  // else it has just ended
  }
  return sum;
}

std::string ProcessorName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("model name")) continue;
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return "";
}

std::uint64_t MachineMemory() { return ReadField("/proc/meminfo", "MemTotal:").value_or(0); }

}  // namespace djps::bench
