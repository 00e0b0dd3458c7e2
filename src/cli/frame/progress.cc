#include "cli/frame/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "cli/frame/terminal.h"

namespace djps::cli {
namespace {

constexpr std::uint64_t kBarWidth = 30;
constexpr const char* kClearLine = "\r\x1b[K";

}  // namespace

Progress::~Progress() {
  if (drawn_) std::fputs(kClearLine, stderr);
}

void Progress::Update(std::uint64_t bytes, std::uint64_t jobs) {
  if (!shown_) return;
  drawn_ = true;
  const std::string line = kClearLine + FormatProgress(total_bytes_, bytes, jobs);
  std::fwrite(line.data(), 1, line.size(), stderr);
}

std::string FormatProgress(std::optional<std::uint64_t> total_bytes, std::uint64_t bytes,
                           std::uint64_t jobs) {
  std::string count = FormatCount(jobs, "job");
  if (!total_bytes || *total_bytes == 0) return count;
  const std::uint64_t done = std::min(bytes, *total_bytes);
  const auto full = static_cast<std::size_t>(done * kBarWidth / *total_bytes);
  return fmt::format("[{}{}] {:3}%  {}", std::string(full, '#'), std::string(kBarWidth - full, ' '),
                     done * 100 / *total_bytes, count);
}

}  // namespace djps::cli
