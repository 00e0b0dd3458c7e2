// A worker whose handlers record each execution in a file outside the system: the ledger that the
// chaos tests count. One line an event: "start|end JOB ATTEMPT PID".
//
//   ledger_worker LEDGER CONCURRENCY LEASE_MS
//
// Types: "t" does nothing else. "hold" waits, on its first attempt only, until the file named by
// the payload (a JSON string) exists.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "djps/worker.h"

namespace {

/// One write per line on a file opened for appending: lines of many processes do not mix.
class Ledger {
 public:
  explicit Ledger(const char* path)
      : fd_(open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
    if (fd_ < 0) throw std::runtime_error(fmt::format("cannot open {}", path));
  }
  ~Ledger() { close(fd_); }
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  void Write(const char* event, const djps::Job& job) const {
    const std::string line =
        fmt::format("{} {} {} {}\n", event, job.id.ToString(), job.attempt, getpid());
    if (write(fd_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::abort();
  }

 private:
  int fd_;
};

void WaitForFile(const std::string& path) {
  constexpr useconds_t kPollUs = 5'000;
  struct stat unused{};
  while (stat(path.c_str(), &unused) != 0) usleep(kPollUs);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const Ledger ledger(argv[1]);
  djps::WorkerConfig config;
  config.name = fmt::format("ledger-{}", getpid());
  config.concurrency = std::stoul(argv[2]);
  config.lease = std::chrono::milliseconds(std::stol(argv[3]));
  djps::Worker worker(config);
  worker.Handle("t", [&](const djps::Job& job) -> djps::Outcome {
    ledger.Write("start", job);
    ledger.Write("end", job);
    return djps::Succeeded{};
  });
  worker.Handle("hold", [&](const djps::Job& job) -> djps::Outcome {
    ledger.Write("start", job);
    if (job.attempt == 1) WaitForFile(job.payload.substr(1, job.payload.size() - 2));
    ledger.Write("end", job);
    return djps::Succeeded{fmt::format("{}", getpid())};
  });
  worker.Run();
  return 0;
}
