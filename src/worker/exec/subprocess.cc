#include "worker/exec/subprocess.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <csignal>
#include <exception>
#include <memory>
#include <optional>
#include <system_error>
#include <tuple>
#include <utility>

namespace djps::worker {
namespace {

namespace asio = boost::asio;
using asio::posix::descriptor_base;
using asio::posix::stream_descriptor;

constexpr auto kAwaitTuple = asio::as_tuple(asio::use_awaitable);

/// One read or write: the default capacity of a pipe, so a larger buffer would not help.
constexpr std::size_t kChunkBytes = std::size_t{64} * 1024;

void SetNonBlocking(int fd) {
  if (::fcntl(fd, F_SETFL, O_NONBLOCK) == 0) return;
  throw std::system_error(errno, std::generic_category(), "fcntl");
}

void Watch(stream_descriptor& descriptor, int fd) {
  boost::system::error_code error;
  descriptor.assign(fd, error);
  if (error) throw std::system_error(error.value(), std::generic_category(), "epoll_ctl");
}

/// Hands `fd` over to Asio.
void Assign(stream_descriptor& descriptor, os::UniqueFd fd) {
  Watch(descriptor, fd.Get());
  fd.Release();
}

/// Keeps up to `bytes_max`; only records that there was more.
class OutputCollector {
 public:
  explicit OutputCollector(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  /// false: no more output is needed.
  bool Take(std::string_view chunk) {
    const std::size_t room = bytes_max_ - text_.size();
    too_large_ = too_large_ || chunk.size() > room;
    text_.append(chunk.substr(0, room));
    return !too_large_;
  }

  bool TooLarge() const { return too_large_; }
  std::string Release() { return std::move(text_); }

 private:
  std::size_t bytes_max_;
  std::string text_;
  bool too_large_ = false;
};

/// Keeps the last `bytes_max`.
class TailCollector {
 public:
  explicit TailCollector(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  bool Take(std::string_view chunk) {
    text_.append(chunk);
    // Not at every chunk, or small writes would each move the whole tail.
    if (text_.size() > 2 * bytes_max_) Cut();
    return true;
  }

  bool HasBeenCut() const { return cut_; }
  std::string Release() {
    Cut();
    return std::move(text_);
  }

 private:
  void Cut() {
    if (text_.size() <= bytes_max_) return;
    text_.erase(0, text_.size() - bytes_max_);
    cut_ = true;
  }

  std::size_t bytes_max_;
  std::string text_;
  bool cut_ = false;
};

/// Reads once, at most `bytes_max`. The buffer lives only for the call: hundreds of idle programs
/// cost none. Returns the bytes read, 0 when there are none yet, or nothing when the stream has
/// ended or the collector has enough.
template <typename Collector>
std::optional<std::size_t> ReadOnce(int fd, std::size_t bytes_max, Collector& collector) {
  std::array<char, kChunkBytes> buffer;
  const ssize_t count = ::read(fd, buffer.data(), std::min(bytes_max, buffer.size()));
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (count <= 0) return std::nullopt;
  const auto size = static_cast<std::size_t>(count);
  if (!collector.Take({buffer.data(), size})) return std::nullopt;
  return size;
}

template <typename Collector>
asio::awaitable<void> ReadToEnd(stream_descriptor& pipe, Collector& collector) {
  for (;;) {
    const auto [error] = co_await pipe.async_wait(descriptor_base::wait_read, kAwaitTuple);
    if (error || !ReadOnce(pipe.native_handle(), kChunkBytes, collector)) co_return;
  }
}

/// Reads what is in the pipe now, not what arrives meanwhile: a process that left the group could
/// write for ever.
template <typename Collector>
void ReadWhatIsThere(stream_descriptor& pipe, Collector& collector) {
  int available = 0;
  if (::ioctl(pipe.native_handle(), FIONREAD, &available) != 0) return;
  auto left = static_cast<std::size_t>(available);
  while (left > 0) {
    const auto count = ReadOnce(pipe.native_handle(), left, collector);
    if (count.value_or(0) == 0) return;
    left -= *count;
  }
}

/// Turns a stop request, made on any thread, into something to await on the executor.
class StopSignal {
 public:
  StopSignal(const asio::any_io_executor& executor, std::stop_token stop)
      : timer_(
            std::make_shared<asio::steady_timer>(executor, asio::steady_timer::time_point::max())),
        callback_(std::move(stop), Notify{executor, timer_}) {}

  /// false: cancelled before a stop was requested.
  asio::awaitable<bool> Wait() {
    co_await timer_->async_wait(kAwaitTuple);
    co_return timer_->expiry() != asio::steady_timer::time_point::max();
  }

 private:
  struct Notify {
    asio::any_io_executor executor;
    std::weak_ptr<asio::steady_timer> timer;

    void operator()() const {
      // Not cancel(): it would have no effect if no wait had begun yet.
      asio::post(executor, [weak = timer] {
        if (const auto locked = weak.lock()) {
          locked->expires_at(asio::steady_timer::time_point::min());
        }
      });
    }
  };

  std::shared_ptr<asio::steady_timer> timer_;
  std::stop_callback<Notify> callback_;
};

/// A started program and this side of its three pipes. Its coroutines are joined before it is
/// destroyed.
class RunningProcess {
 public:
  RunningProcess(const asio::any_io_executor& executor, os::Command& command,
                 std::string_view input, const ProcessLimits& limits)
      : limits_(limits),
        input_left_(input),
        output_(limits.output_bytes_max),
        errors_(limits.error_tail_bytes),
        stdin_pipe_(executor),
        stdout_pipe_(executor),
        stderr_pipe_(executor),
        ended_(executor) {
    os::Pipe in = os::MakePipe();
    os::Pipe out = os::MakePipe();
    os::Pipe err = os::MakePipe();
    OpenInput(in);
    SetNonBlocking(out.read.Get());
    SetNonBlocking(err.read.Get());
    Assign(stdout_pipe_, std::move(out.read));
    Assign(stderr_pipe_, std::move(err.read));
    Start(command, {in.read.Get(), out.write.Get(), err.write.Get()});
    if (!input_left_.empty()) stdin_reader_ = std::move(in.read);
  }

  RunningProcess(const RunningProcess&) = delete;
  RunningProcess& operator=(const RunningProcess&) = delete;
  ~RunningProcess() {
    if (ended_.is_open()) ended_.release();  // child_ closes it.
  }

  /// Handles input, output and stop while the program runs, and returns when all that is over.
  /// Never throws: if a reader is out of memory, the program is ended, not left blocked on a full
  /// pipe.
  asio::awaitable<void> Attend(StopSignal& stop) {
    using asio::experimental::awaitable_operators::operator&&;
    co_await (Guard(ReadOutput()) && Guard(ReadToEnd(stderr_pipe_, errors_)) &&
              Guard(WriteInput()) && Guard(StopOnRequest(stop)));
  }

  /// Returns when the program, though maybe not the rest of its group, has ended.
  asio::awaitable<void> WaitForEnd() {
    co_await ended_.async_wait(descriptor_base::wait_read, asio::use_awaitable);
  }

  /// Call it only when the program has ended.
  ProcessResult Finish() {
    // In this order: until the program is reaped, its group's number is not reused.
    child_.Signal(SIGKILL);
    const os::ProcessEnd end = child_.Reap().value_or(os::ProcessEnd{});
    if (failure_) std::rethrow_exception(failure_);
    if (!output_.TooLarge()) ReadWhatIsThere(stdout_pipe_, output_);
    ReadWhatIsThere(stderr_pipe_, errors_);
    ProcessResult result;
    result.end = end;
    result.output_too_large = output_.TooLarge();
    result.output = output_.Release();
    result.error_tail = errors_.Release();
    result.error_cut = errors_.HasBeenCut();
    result.stopped = stopped_;
    result.killed = killed_;
    return result;
  }

 private:
  void Start(os::Command& command, std::array<int, 3> stdio) {
    command.stdio = stdio;
    command.no_new_privileges = true;
    auto child = os::Start(command);
    if (!child) throw std::system_error(child.error().error, std::generic_category(), "execve");
    child_ = *std::move(child);
    Watch(ended_, child_.pidfd());
  }

  /// Fills the pipe before the program starts. Nearly every input fits, and then nothing is left to
  /// do while the program runs.
  void OpenInput(os::Pipe& in) {
    SetNonBlocking(in.write.Get());
    WriteSome(in.write.Get());
    if (!input_left_.empty()) Assign(stdin_pipe_, std::move(in.write));
    in.write.Reset();
  }

  /// false: the pipe is broken beyond use.
  bool WriteSome(int fd) {
    while (!input_left_.empty()) {
      const ssize_t count = ::write(fd, input_left_.data(), input_left_.size());
      if (count < 0) return errno == EAGAIN || errno == EINTR;
      input_left_.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

  /// While this runs the worker keeps the reading end open as well. So there is always a reader,
  /// and a program that closes its standard input causes neither EPIPE nor SIGPIPE: a library must
  /// not change how its host treats signals, and a socketpair, which could suppress SIGPIPE per
  /// call, cannot be opened as /dev/stdin. Then the rest stays unwritten until the program has
  /// ended.
  asio::awaitable<void> WriteInput() {
    while (!input_left_.empty()) {
      const auto [error] =
          co_await stdin_pipe_.async_wait(descriptor_base::wait_write, kAwaitTuple);
      if (error || !WriteSome(stdin_pipe_.native_handle())) break;
    }
    stdin_pipe_.close();
    stdin_reader_.Reset();
  }

  asio::awaitable<void> ReadOutput() {
    co_await ReadToEnd(stdout_pipe_, output_);
    if (output_.TooLarge()) child_.Signal(SIGKILL);
  }

  asio::awaitable<void> StopOnRequest(StopSignal& stop) {
    const bool requested = co_await stop.Wait();
    if (!requested) co_return;
    stopped_ = true;
    child_.Signal(SIGTERM);
    asio::steady_timer timer(stdout_pipe_.get_executor(), limits_.kill_after);
    const auto [error] = co_await timer.async_wait(kAwaitTuple);
    if (error) co_return;
    killed_ = true;
    child_.Signal(SIGKILL);
  }

  asio::awaitable<void> Guard(asio::awaitable<void> task) {
    try {
      co_await std::move(task);
    } catch (const boost::system::system_error& error) {
      // Thrown by co_await when the program ended while this task was ready to run.
      if (error.code() != asio::error::operation_aborted) Fail(std::current_exception());
    } catch (...) {
      Fail(std::current_exception());
    }
  }

  void Fail(std::exception_ptr failure) {
    failure_ = std::move(failure);
    child_.Signal(SIGKILL);
  }

  ProcessLimits limits_;
  std::string_view input_left_;
  OutputCollector output_;
  TailCollector errors_;
  stream_descriptor stdin_pipe_;
  os::UniqueFd stdin_reader_;
  stream_descriptor stdout_pipe_;
  stream_descriptor stderr_pipe_;
  os::Child child_;
  stream_descriptor ended_;  ///< Readable when the program has ended. Borrows child_'s.
  bool stopped_ = false;
  bool killed_ = false;
  std::exception_ptr failure_;
};

}  // namespace

asio::awaitable<ProcessResult> RunProcess(os::Command command, std::string_view input,
                                          ProcessLimits limits, std::stop_token stop) {
  using asio::experimental::awaitable_operators::operator||;
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  RunningProcess process(executor, command, input, limits);
  StopSignal stop_signal(executor, std::move(stop));
  const auto first = co_await (process.WaitForEnd() || process.Attend(stop_signal));
  if (first.index() != 0) {
    // Everything is closed and no stop can come any more, or this coroutine was cancelled, which
    // ends Attend in the same way.
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) {
      throw boost::system::system_error(asio::error::operation_aborted);
    }
    co_await process.WaitForEnd();
  }
  co_return process.Finish();
}

}  // namespace djps::worker
