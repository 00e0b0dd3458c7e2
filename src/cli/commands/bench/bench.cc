#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <functional>
#include <utility>

#include "bench/runs.h"
#include "cli/commands/bench/options.h"
#include "cli/commands/bench/report.h"
#include "cli/commands/bench/target.h"
#include "cli/commands/commands.h"
#include "cli/frame/duration.h"
#include "cli/frame/exit_code.h"
#include "cli/frame/interrupts.h"
#include "cli/frame/options.h"

namespace djps::cli {
namespace {

using std::chrono::milliseconds;

/// Shorter windows would show the rhythm of the worker's claims.
constexpr milliseconds kWindowMin{100};
constexpr const char* kClearLine = "\r\x1b[K";

/// One line on standard error that is overwritten, and a line for each window.
class BenchDisplay {
 public:
  BenchDisplay(const Terminal& terminal, bool json)
      : progress_(terminal.error_is_terminal), windows_(!json) {}
  ~BenchDisplay() { Clear(); }
  BenchDisplay(const BenchDisplay&) = delete;
  BenchDisplay& operator=(const BenchDisplay&) = delete;

  void Progress(const std::string& phase, milliseconds elapsed, std::uint64_t jobs) {
    if (!progress_) return;
    drawn_ = true;
    const auto ms = static_cast<std::uint64_t>(elapsed.count());
    const std::uint64_t pace = ms > 0 ? jobs * 1000 / ms : 0;
    const std::string line =
        fmt::format("{}{}: {:.1f} s, {}, {} a second", kClearLine, phase,
                    static_cast<double>(ms) / 1000, FormatCount(jobs, "job"), FormatCount(pace));
    std::fwrite(line.data(), 1, line.size(), stderr);
  }

  void Window(milliseconds end, double jobs_per_s) {
    if (!windows_) return;
    Clear();
    Print(fmt::format("{:>6.1f} s  {:>9} jobs/s\n", static_cast<double>(end.count()) / 1000,
                      FormatCount(static_cast<std::uint64_t>(jobs_per_s))));
    std::fflush(stdout);
  }

 private:
  void Clear() {
    if (std::exchange(drawn_, false)) std::fputs(kClearLine, stderr);
  }

  bool progress_;
  bool windows_;
  bool drawn_ = false;
};

template <typename Settings>
using Benchmark = Result<bench::Report> (*)(const bench::Target&, const Settings&,
                                            const bench::Watcher&);

/// The steps before and after the measurement that all benchmarks share.
template <typename Settings>
int RunBench(const Context& context, const BenchOptions<Settings>& options,
             Benchmark<Settings> benchmark, bool needs_database) {
  // From here on Ctrl-C does not end the process; the benchmark polls it and stops in order.
  Interrupts interrupts;
  // A private Postgres logs much at its start that is of no use here.
  if (spdlog::get_level() == spdlog::level::info) spdlog::set_level(spdlog::level::warn);
  const auto prepared = PrepareBench(options.where, context.environment, needs_database);
  if (!prepared) return ReportError(prepared.error());
  boost::json::object document;
  {
    BenchDisplay display(context.terminal, options.json);
    const bench::Watcher watcher{.progress = std::bind_front(&BenchDisplay::Progress, &display),
                                 .window = std::bind_front(&BenchDisplay::Window, &display),
                                 .interrupted = [&interrupts] { return interrupts.Asked(); }};
    const auto report = benchmark(prepared->target, options.settings, watcher);
    if (!report) return ReportError(report.error());
    document = BenchDocument(*report, bench::DescribeEnvironment(prepared->target));
  }
  Print(options.json ? boost::json::serialize(document) + "\n"
                     : FormatBench(document, context.terminal.out));
  return kExitDone;
}

int RunBenchEnqueue(const Context& context, const BenchOptions<bench::EnqueueSettings>& options) {
  return RunBench(context, options, bench::RunEnqueue, false);
}
int RunBenchDrain(const Context& context, const BenchOptions<bench::DrainSettings>& options) {
  return RunBench(context, options, bench::RunDrain, true);
}
int RunBenchContinuous(const Context& context,
                       const BenchOptions<bench::ContinuousSettings>& options) {
  const bench::ContinuousSettings& settings = options.settings;
  if (settings.window < kWindowMin || settings.window > settings.duration) {
    return ReportError({ErrorCode::kInvalidArgument,
                        fmt::format("--window must be from {} to --seconds, got {}",
                                    FormatDuration(kWindowMin), FormatDuration(settings.window)),
                        "--window"});
  }
  if (settings.hold_after >= settings.duration ||
      settings.hold_after + settings.hold_for > settings.duration) {
    return ReportError(
        {ErrorCode::kInvalidArgument,
         fmt::format("--hold-after and --hold-for must lie within --seconds ({}), got {} and {}",
                     FormatDuration(settings.duration), FormatDuration(settings.hold_after),
                     FormatDuration(settings.hold_for)),
         "--hold-for"});
  }
  return RunBench(context, options, bench::RunContinuous, true);
}
int RunBenchLatency(const Context& context, const BenchOptions<bench::LatencySettings>& options) {
  return RunBench(context, options, bench::RunLatency, true);
}

std::vector<std::string> ExitCodes() {
  return {"0  measured, or ended early by Ctrl-C with the results so far",
          "1  failed, such as a queue \"bench\" with other jobs in it", "2  wrong usage",
          "5  the database or the server cannot be reached"};
}

void RegisterBenchEnqueue(CommandLine& line, CLI::App& group) {
  CLI::App& command = AddCommand(
      line, group,
      {.name = "enqueue",
       .summary = "Measure how fast jobs can be submitted",
       .paragraph = "Each client submits --batch jobs in a call, waits for the answer, and submits "
                    "the next. An answer means that the jobs are committed. Shows jobs per second, "
                    "the latency of calls, and how much WAL Postgres wrote.",
       .examples = {"djps bench enqueue --http --clients 64",
                    "djps bench enqueue --batch 1000 --clients 4 --seconds 20",
                    "djps bench enqueue --server http://127.0.0.1:3000 --jobs 10000 --json"},
       .exit_codes = ExitCodes()});
  const auto options = RunWith(line, command, RunBenchEnqueue);
  AddBenchTargetOptions(command, options->where);
  AddLoadOptions(command, options->settings.load);
  AddSeconds(command, options->settings.duration, "How long to submit");
  AddInteger(command, "--jobs", options->settings.jobs, 1, kBenchJobsMax,
             "Submit this many jobs instead")
      ->excludes("--seconds");
  AddJson(command, options->json);
}

void RegisterBenchDrain(CommandLine& line, CLI::App& group) {
  CLI::App& command = AddCommand(
      line, group,
      {.name = "drain",
       .summary = "Measure how fast workers get through a full queue",
       .paragraph = "Stores --jobs jobs, then starts the workers and measures until the last job "
                    "is done: once from the workers' start, with the time to connect, and once "
                    "from the first job. Each worker is a process that uses the C++ library.",
       .examples = {"djps bench drain", "djps bench drain --jobs 200000 --workers 2",
                    "djps bench drain --handler-ms 5 --failure-rate 0.01"},
       .exit_codes = ExitCodes()});
  const auto options = RunWith(line, command, RunBenchDrain);
  AddBenchTargetOptions(command, options->where);
  AddInteger(command, "--jobs", options->settings.jobs, 1, kBenchJobsMax, "How many jobs")
      ->default_str(std::to_string(options->settings.jobs));
  AddLoadOptions(command, options->settings.load);
  AddWorkOptions(command, options->settings.work);
  AddJson(command, options->json);
}

void RegisterBenchContinuous(CommandLine& line, CLI::App& group) {
  CLI::App& command = AddCommand(
      line, group,
      {.name = "continuous",
       .summary = "Measure submitting and working at once",
       .paragraph = "Producers keep at most --outstanding jobs outstanding while workers run them. "
                    "Shows the throughput of each --window. With --hold, a transaction stays open "
                    "during the whole run, or from --hold-after on for --hold-for, so that vacuum "
                    "can remove nothing: a snapshot that reads, or a writer that has submitted a "
                    "job. The ratio of the last window to the first shows the effect.",
       .examples = {"djps bench continuous", "djps bench continuous --hold snapshot --seconds 60",
                    "djps bench continuous --hold writer --hold-after 20s --hold-for 60s "
                    "--seconds 100"},
       .exit_codes = ExitCodes()});
  const auto options = RunWith(line, command, RunBenchContinuous);
  bench::ContinuousSettings& settings = options->settings;
  AddBenchTargetOptions(command, options->where);
  AddSeconds(command, settings.duration, "How long to measure");
  const CLI::Option* window =
      AddDuration(command, "--window", settings.window, "The length of a window, or all of it");
  command.parse_complete_callback([options, window] {
    if (window->count() > 0) return;
    options->settings.window = std::min(options->settings.window, options->settings.duration);
  });
  AddInteger(command, "--outstanding", settings.outstanding, 1, kBenchJobsMax,
             "Maximum number of submitted jobs that are not done")
      ->default_str(std::to_string(settings.outstanding));
  AddHoldOptions(command, settings);
  AddLoadOptions(command, settings.load);
  AddWorkOptions(command, settings.work);
  AddJson(command, options->json);
}

void RegisterBenchLatency(CommandLine& line, CLI::App& group) {
  CLI::App& command = AddCommand(
      line, group,
      {.name = "latency",
       .summary = "Measure how soon a job's handler begins, at a fixed rate",
       .paragraph = "Submits --rate jobs a second on a fixed schedule, even if earlier ones are "
                    "late. Measures from the scheduled time of each submission to the start of its "
                    "handler, so that delays count in full (no coordinated omission). The "
                    "--warm-up at the beginning is not counted.",
       .examples = {"djps bench latency --rate 500", "djps bench latency --rate 50 --http",
                    "djps bench latency --rate 2000 --seconds 60 --json"},
       .exit_codes = ExitCodes()});
  const auto options = RunWith(line, command, RunBenchLatency);
  bench::LatencySettings& settings = options->settings;
  AddBenchTargetOptions(command, options->where);
  AddInteger(command, "--rate", settings.rate, 1, 1'000'000, "Jobs per second")
      ->default_str(std::to_string(settings.rate));
  AddSeconds(command, settings.duration, "How long to measure");
  AddDuration(command, "--warm-up", settings.warm_up, "How long to submit before measuring");
  AddClientOptions(command, settings.load);
  AddWorkOptions(command, settings.work);
  AddJson(command, options->json);
}

}  // namespace

void RegisterBench(CommandLine& line) {
  CLI::App& group = AddCommandGroup(
      line.app,
      {.name = "bench",
       .summary = "Measure what this machine can do",
       .paragraph =
           "Loads a database and measures. Without --database-url, --data or --server it starts a "
           "private Postgres, with every commit on disk, and removes it afterwards. Jobs go to the "
           "queue \"bench\", which must hold no others, and are removed at the end. Results depend "
           "on the machine and on the hour: compare only results measured together.",
       .examples = {"djps bench enqueue --http --clients 64", "djps bench drain",
                    "djps bench continuous --hold snapshot --seconds 60",
                    "djps bench latency --rate 500"},
       .exit_codes = {}});
  RegisterBenchEnqueue(line, group);
  RegisterBenchDrain(line, group);
  RegisterBenchContinuous(line, group);
  RegisterBenchLatency(line, group);
}

}  // namespace djps::cli
