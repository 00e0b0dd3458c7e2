#include "worker/exec/exec_handler.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/job_options.h"
#include "core/job_rules.h"
#include "core/json_text.h"
#include "core/time_text.h"
#include "worker/exec/outcome_limits.h"
#include "worker/exec/subprocess.h"

namespace djps::worker {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr std::size_t kMessageBytesMax = 500;
constexpr std::size_t kUtf8BytesMax = 4;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

constexpr std::array<std::string_view, 7> kAlwaysPassed = {"PATH",   "HOME", "USER",  "LANG",
                                                           "LC_ALL", "TZ",   "TMPDIR"};

/// Set for each job; `env` may not name them.
constexpr std::array<std::string_view, 15> kJobVariables = {
    "DJPS_JOB_ID",          "DJPS_JOB_TYPE",     "DJPS_QUEUE",          "DJPS_PRIORITY",
    "DJPS_ATTEMPT",         "DJPS_MAX_ATTEMPTS", "DJPS_LEASE_TOKEN",    "DJPS_CREATED_AT",
    "DJPS_IDEMPOTENCY_KEY", "DJPS_METADATA",     "DJPS_METADATA_FILE",  "DJPS_TAGS",
    "DJPS_TAGS_FILE",       "DJPS_CHECKPOINT",   "DJPS_CHECKPOINT_FILE"};

/// Longer values are passed as a file. Linux starts no program with a variable of 128 KiB or more.
constexpr std::size_t kVariableBytesMax = std::size_t{64} << 10U;

/// Prepared once, when the worker starts.
struct PreparedProgram {
  ExecConfig config;
  std::string path;
  std::vector<std::string> environment;
};

// ---- Text -------------------------------------------------------------------------------------

struct Utf8Sequence {
  std::size_t length;  ///< At least 1.
  bool valid;
};

/// The first character of `text`, or the longest valid beginning of a broken one: table 3-7 and
/// "substitution of maximal subparts" of the Unicode standard. NUL counts as invalid: Postgres
/// cannot store it.
Utf8Sequence FirstSequence(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return {1, lead != 0};
  if (lead < 0xC2 || lead > 0xF4) return {1, false};
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  std::uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  std::uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (std::size_t i = 1; i < length; ++i) {
    if (i >= text.size() || byte(i) < low || byte(i) > high) return {i, false};
    low = 0x80;
    high = 0xBF;
  }
  return {length, true};
}

std::string Sanitize(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const Utf8Sequence sequence = FirstSequence(text);
    clean.append(sequence.valid ? text.substr(0, sequence.length) : kReplacement);
    text.remove_prefix(sequence.length);
  }
  return clean;
}

bool IsContinuation(char c) { return (static_cast<std::uint8_t>(c) & 0xC0) == 0x80; }

/// At most the first `bytes_max` bytes of valid UTF-8, cut between characters.
std::string_view Head(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  while (bytes_max > 0 && IsContinuation(text[bytes_max])) --bytes_max;
  return text.substr(0, bytes_max);
}

/// At most the last `bytes_max` bytes of valid UTF-8, cut between characters.
std::string_view Tail(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  text.remove_prefix(text.size() - bytes_max);
  while (!text.empty() && IsContinuation(text.front())) text.remove_prefix(1);
  return text;
}

/// Removes the partial character at the start of a text that was cut there.
std::string_view WithoutTornCharacter(std::string_view text) {
  for (std::size_t i = 1; i < kUtf8BytesMax; ++i) {
    if (!text.empty() && IsContinuation(text.front())) text.remove_prefix(1);
  }
  return text;
}

std::string_view LastLine(std::string_view text) {
  const std::size_t last = text.find_last_not_of(" \t\r\n");
  if (last == std::string_view::npos) return {};
  text = text.substr(0, last + 1);
  text.remove_prefix(text.find_last_of('\n') + 1);  // npos + 1 is 0.
  return text;
}

// ---- Result -----------------------------------------------------------------------------------

/// Whether Postgres can hold it; the size is checked later.
bool IsStorableJson(std::string_view text) {
  const auto compact = CompactJson(text);
  return compact && MeasureJson(*compact).numeric;
}

std::string ResultText(std::string output) {
  if (output.empty()) return "null";
  if (IsStorableJson(output)) return output;
  if (output.ends_with('\n')) output.pop_back();
  return json::serialize(json::string_view(Sanitize(output)));
}

// ---- Outcome ----------------------------------------------------------------------------------

Failed TooLarge(std::string_view what, std::size_t bytes_max, std::string detail) {
  return Failed{
      .error_class = "result_too_large",
      .message = fmt::format("{} is larger than {} bytes; store it elsewhere and print a reference",
                             what, bytes_max),
      .detail = std::move(detail)};
}

std::string StopMessage(const ProcessResult& result, const ExecConfig& config) {
  if (!result.killed) return "the attempt was stopped; the program ended after SIGTERM";
  return fmt::format("the attempt was stopped; the program was killed {} ms after SIGTERM",
                     config.kill_after.count());
}

std::string SignalMessage(int number) {
  const char* name = ::sigabbrev_np(number);
  return fmt::format("the program was killed by signal {}{}", number,
                     name == nullptr ? "" : fmt::format(" (SIG{})", name));
}

/// The last line of the program's standard error if there is one, else `otherwise`.
std::string Message(std::string_view errors, std::string otherwise) {
  const std::string_view line = LastLine(errors);
  return line.empty() ? std::move(otherwise) : std::string(Head(line, kMessageBytesMax));
}

Outcome FromExitStatus(int status, const ExecConfig& config, std::string output,
                       std::string errors) {
  if (status == kExitDone) {
    std::string result = ResultText(std::move(output));
    if (!JsonTrouble(result, kResultBytesMax)) return Succeeded{std::move(result)};
    return TooLarge("the result, as JSON with its numbers written out,", kResultBytesMax,
                    std::move(errors));
  }
  if (status == kExitSnooze) return Snoozed{config.snooze};
  const std::string silent =
      fmt::format("the program ended with exit status {} and no word on standard error", status);
  std::string message = Message(errors, silent);
  return Failed{.error_class = fmt::format("exit_{}", status),
                .message = std::move(message),
                .detail = std::move(errors),
                .retryable = status != kExitDoNotRetry};
}

Outcome ToOutcome(const ExecConfig& config, ProcessResult result) {
  std::string_view raw = result.error_tail;
  if (result.error_cut) raw = WithoutTornCharacter(raw);
  std::string errors(Tail(Sanitize(raw), std::min(config.stderr_tail_bytes, kDetailBytesMax)));
  if (result.stopped) return Failed{"stopped", StopMessage(result, config), std::move(errors)};
  if (result.output_too_large) {
    return TooLarge("standard output", config.stdout_bytes_max, std::move(errors));
  }
  switch (result.end.kind) {
    case os::ProcessEnd::Kind::kExited:
      return FromExitStatus(result.end.value, config, std::move(result.output), std::move(errors));
    case os::ProcessEnd::Kind::kSignaled: {
      std::string message = Message(errors, SignalMessage(result.end.value));
      return Failed{fmt::format("signal_{}", result.end.value), std::move(message),
                    std::move(errors)};
    }
    case os::ProcessEnd::Kind::kUnknown:
      break;
  }
  return Failed{"exit_unknown",
                "the program ended, but this process lost its exit status: do not ignore SIGCHLD "
                "and do not wait for children that are not yours",
                std::move(errors)};
}

// ---- Preparation ------------------------------------------------------------------------------

/// nullopt: may be executed. Otherwise why not.
std::optional<std::string_view> WhyNotExecutable(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    return errno == ENOENT || errno == ENOTDIR ? "does not exist" : "cannot be reached";
  }
  if (S_ISDIR(status.st_mode)) return "is a folder";
  if (!S_ISREG(status.st_mode)) return "is not a file";
  if (::faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) != 0) {
    return "may not be executed by this user (chmod +x?)";
  }
  return std::nullopt;
}

/// Searches `folders` ("/usr/bin:/bin"). Empty entries, which would mean the current folder, are
/// skipped: what a worker runs must not depend on its current folder.
std::string FindInPath(const std::string& name, std::string_view folders) {
  std::string unusable;
  const std::string_view all = folders;
  while (!folders.empty()) {
    const std::size_t length = std::min(folders.find(':'), folders.size());
    const std::string_view folder = folders.substr(0, length);
    folders.remove_prefix(std::min(length + 1, folders.size()));
    if (folder.empty()) continue;
    const std::string candidate = fmt::format("{}/{}", folder, name);
    const auto why_not = WhyNotExecutable(candidate);
    if (!why_not) return candidate;
    if (*why_not != "does not exist") {
      unusable += fmt::format("; \"{}\" {}", candidate, *why_not);
    }
  }
  throw std::invalid_argument(
      fmt::format("program \"{}\" was not found in PATH ({}){}; install it or give its path", name,
                  all, unusable));
}

std::string FindProgram(const std::string& program, std::string_view folders) {
  if (program.empty()) {
    throw std::invalid_argument("program is empty; name the executable that runs the jobs");
  }
  if (program.find('/') == std::string::npos) return FindInPath(program, folders);
  if (const auto why_not = WhyNotExecutable(program)) {
    throw std::invalid_argument(fmt::format("program \"{}\" {}", program, *why_not));
  }
  return program;
}

using Variables = std::map<std::string, std::string, std::less<>>;

Variables OwnEnvironment() {
  Variables variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos) {
      variables.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return variables;
}

/// One of ExecConfig::env: "NAME" or "NAME=VALUE".
void AddVariable(const std::string& entry, const Variables& own, Variables& passed) {
  const std::size_t equals = entry.find('=');
  const std::string name = entry.substr(0, equals);
  if (name.empty() || entry.find('\0') != std::string::npos) {
    throw std::invalid_argument(
        fmt::format("env entry \"{}\" is neither NAME nor NAME=VALUE", Sanitize(entry)));
  }
  for (const std::string_view reserved : kJobVariables) {
    if (name == reserved) {
      throw std::invalid_argument(
          fmt::format("env entry \"{}\": the worker sets {} for each job", entry, name));
    }
  }
  if (equals != std::string::npos) {
    passed[name] = entry.substr(equals + 1);
  } else if (const auto found = own.find(name); found != own.end()) {
    passed[name] = found->second;
  }
}

std::vector<std::string> FixedEnvironment(const std::vector<std::string>& entries,
                                          const Variables& own) {
  Variables passed;
  for (const std::string_view name : kAlwaysPassed) AddVariable(std::string(name), own, passed);
  for (const std::string& entry : entries) AddVariable(entry, own, passed);
  std::vector<std::string> lines;
  for (const auto& [name, value] : passed) lines.push_back(fmt::format("{}={}", name, value));
  return lines;
}

void Validate(const ExecConfig& config) {
  for (const std::string& argument : config.args) {
    if (argument.find('\0') != std::string::npos) {
      throw std::invalid_argument(fmt::format(
          "argument \"{}\" contains a NUL byte; programs cannot receive one", Sanitize(argument)));
    }
  }
  if (config.kill_after.count() < 0 || config.snooze.count() < 0) {
    throw std::invalid_argument(
        fmt::format("kill_after ({} ms) and snooze ({} ms) must not be negative",
                    config.kill_after.count(), config.snooze.count()));
  }
}

// ---- One job ----------------------------------------------------------------------------------

/// An unnamed file in memory.
os::UniqueFd MemoryFile(const char* purpose, std::string_view text) {
  os::UniqueFd file(::memfd_create(purpose, MFD_CLOEXEC));
  while (file.Get() >= 0 && !text.empty()) {
    const ssize_t written = ::write(file.Get(), text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      break;
    }
  }
  if (text.empty()) return file;
  throw std::system_error(errno, std::generic_category(), purpose);
}

/// The arguments and variables of a program, and the files that its variables name.
struct JobCommand {
  os::Command process;
  std::vector<os::UniqueFd> files;

  void Add(std::string_view name, std::string_view value) {
    process.environment.push_back(fmt::format("{}={}", name, value));
  }

  /// The program opens the file through /proc of this process, since it inherits no descriptor.
  void AddLong(const char* name, std::string_view value) {
    if (value.size() <= kVariableBytesMax) return Add(name, value);
    files.push_back(MemoryFile(name, value));
    Add(fmt::format("{}_FILE", name),
        fmt::format("/proc/{}/fd/{}", ::getpid(), files.back().Get()));
  }
};

JobCommand CommandFor(const PreparedProgram& program, const Job& job) {
  JobCommand command{{program.path, {program.config.program}, program.environment}, {}};
  auto& argv = command.process.argv;
  argv.insert(argv.end(), program.config.args.begin(), program.config.args.end());
  command.Add("DJPS_JOB_ID", job.id.ToString());
  command.Add("DJPS_JOB_TYPE", job.type);
  command.Add("DJPS_QUEUE", job.queue);
  command.Add("DJPS_PRIORITY", std::to_string(job.priority));
  command.Add("DJPS_ATTEMPT", std::to_string(job.attempt));
  command.Add("DJPS_MAX_ATTEMPTS", std::to_string(job.max_attempts));
  command.Add("DJPS_LEASE_TOKEN", job.lease_token.ToString());
  command.Add("DJPS_CREATED_AT", FormatTimestamp(job.created_at));
  if (job.idempotency_key) command.Add("DJPS_IDEMPOTENCY_KEY", *job.idempotency_key);
  if (job.metadata) command.AddLong("DJPS_METADATA", *job.metadata);
  if (!job.tags.empty()) command.AddLong("DJPS_TAGS", WriteTags(job.tags));
  if (job.checkpoint) command.AddLong("DJPS_CHECKPOINT", *job.checkpoint);
  return command;
}

asio::awaitable<Outcome> RunJob(std::shared_ptr<const PreparedProgram> program, const Job& job) {
  if (job.stop.stop_requested()) {
    co_return Failed{"stopped", "the attempt was stopped before the program was started"};
  }
  const ExecConfig& config = program->config;
  const ProcessLimits limits{config.kill_after, config.stdout_bytes_max, config.stderr_tail_bytes};
  ProcessResult result;
  try {
    JobCommand command = CommandFor(*program, job);
    result = co_await RunProcess(std::move(command.process), job.payload, limits, job.stop);
  } catch (const std::system_error& error) {
    // Always retryable: too many processes, or a program that is being replaced, are temporary.
    co_return Failed{"exec_failed",
                     fmt::format("cannot run \"{}\": {}", program->path, error.code().message())};
  }
  co_return ToOutcome(config, std::move(result));
}

}  // namespace

CoroutineHandler MakeExecHandler(ExecConfig config) {
  Validate(config);
  const Variables own = OwnEnvironment();
  const auto path = own.find("PATH");
  auto program = std::make_shared<PreparedProgram>();
  program->path = FindProgram(
      config.program, path == own.end() ? "/usr/local/bin:/usr/bin:/bin" : path->second.c_str());
  program->environment = FixedEnvironment(config.env, own);
  program->config = std::move(config);
  return [program = std::shared_ptr<const PreparedProgram>(std::move(program))](const Job& job) {
    return RunJob(program, job);
  };
}

}  // namespace djps::worker
