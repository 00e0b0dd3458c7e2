#include "cli/commands/bench/options.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <string>

#include "cli/frame/options.h"
#include "core/validation.h"

namespace djps::cli {
namespace {

/// Above it, jobs would use up their attempts.
constexpr double kFailureRateMax = 0.9;
constexpr std::int64_t kSecondsMax = 7 * 24 * 3'600;
constexpr std::int64_t kBatchMax = 10'000;
constexpr std::int64_t kClientsMax = 1'024;
constexpr std::int64_t kWorkersMax = 256;
constexpr std::int64_t kHandlerMsMax = 3'600'000;
/// A payload has at least its members' names and the time.
constexpr std::int64_t kPayloadBytesMin = 40;

double RequireShare(const std::string& text) {
  double share = -1;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, share);
  if (error != std::errc() || rest != end || !(share >= 0 && share <= kFailureRateMax)) {
    RefuseUsage(fmt::format("--failure-rate must be a number from 0 to {}, got {}", kFailureRateMax,
                            QuoteForMessage(text)));
  }
  return share;
}

bench::Hold RequireHold(const std::string& text) {
  if (text == "snapshot") return bench::Hold::kSnapshot;
  if (text == "writer") return bench::Hold::kWriter;
  RefuseUsage(fmt::format("--hold must be snapshot or writer, got {}", QuoteForMessage(text)));
}

}  // namespace

CLI::Option* AddSeconds(CLI::App& command, std::chrono::milliseconds& duration,
                        const std::string& description) {
  const auto shown = std::chrono::floor<std::chrono::seconds>(duration).count();
  return command
      .add_option_function<std::string>(
          "--seconds",
          [&duration](const std::string& text) {
            duration = std::chrono::seconds(RequireInteger("--seconds", text, 1, kSecondsMax));
          },
          description)
      ->type_name("N")
      ->default_str(std::to_string(shown));
}

void AddClientOptions(CLI::App& command, bench::LoadSettings& load) {
  AddInteger(command, "--clients", load.clients, 1, kClientsMax,
             "Number of concurrent calls; over HTTP also of connections")
      ->default_str(std::to_string(load.clients));
  AddInteger(command, "--payload-bytes", load.payload_bytes, kPayloadBytesMin,
             static_cast<std::int64_t>(kPayloadBytesMax), "The size of a payload")
      ->default_str(std::to_string(load.payload_bytes));
  AddInteger(command, "--connections", load.connections, 1, kClientsMax,
             "Connections to Postgres for submitting (not with --http)")
      ->default_str(std::to_string(load.connections));
}

void AddLoadOptions(CLI::App& command, bench::LoadSettings& load) {
  AddClientOptions(command, load);
  AddInteger(command, "--batch", load.batch, 1, kBatchMax, "Jobs per call")
      ->default_str(std::to_string(load.batch));
}

void AddWorkOptions(CLI::App& command, bench::WorkSettings& work) {
  AddInteger(command, "--workers", work.workers, 1, kWorkersMax, "Worker processes")
      ->default_str(std::to_string(work.workers));
  AddInteger(command, "--concurrency", work.concurrency, 1, 10'000,
             "Jobs that each worker runs at once")
      ->default_str(std::to_string(work.concurrency));
  command
      .add_option_function<std::string>(
          "--handler-ms",
          [&work](const std::string& text) {
            work.handler =
                std::chrono::milliseconds(RequireInteger("--handler-ms", text, 0, kHandlerMsMax));
          },
          "How long a job takes, in milliseconds")
      ->type_name("N")
      ->default_str("0");
  command
      .add_option_function<std::string>(
          "--failure-rate",
          [&work](const std::string& text) { work.failure_rate = RequireShare(text); },
          "The share of attempts that fail; their jobs are retried at once")
      ->type_name("SHARE")
      ->default_str("0");
}

void AddHoldOptions(CLI::App& command, bench::ContinuousSettings& settings) {
  CLI::Option* hold =
      command
          .add_option_function<std::string>(
              "--hold", [&settings](const std::string& text) { settings.hold = RequireHold(text); },
              "Keep a transaction open: snapshot or writer")
          ->type_name("KIND");
  AddDuration(command, "--hold-after", settings.hold_after,
              "Open it this long after measuring starts; 0: before the workers start")
      ->needs(hold);
  AddDuration(command, "--hold-for", settings.hold_for,
              "End it after this time; 0: at the end of the run")
      ->needs(hold);
}

}  // namespace djps::cli
