#include "embedded/child_process.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <optional>
#include <system_error>

#include "embedded/environment.h"

namespace djps::embedded {
namespace {

using Step = os::StartFailure::Step;

/// Only what the programs need: a PGPORT or LC_ALL of this process must not affect the cluster, and
/// the server must not get the secrets of our environment.
std::vector<std::string> ChildEnvironment() {
  std::vector<std::string> environment{"LC_ALL=C"};
  for (const char* name : {"PATH", "LD_LIBRARY_PATH", "TZ"}) {
    std::string value = EnvironmentValue(name);
    if (!value.empty()) environment.push_back(fmt::format("{}={}", name, value));
  }
  return environment;
}

std::optional<os::Identity> IdentityOf(const ServerUser& user) {
  if (!user.switches) return std::nullopt;
  return os::Identity{user.uid, user.gid, user.groups};
}

os::Command CommandOf(const ChildSpec& spec) {
  os::Command command{.path = spec.program.string(),
                      .argv = {spec.program.string()},
                      .environment = ChildEnvironment(),
                      .stdio = {spec.input_fd, spec.output_fd, spec.output_fd},
                      .work_dir = spec.work_dir.string(),
                      .identity = IdentityOf(spec.user),
                      .file_mask = S_IRWXG | S_IRWXO,
                      .death_signal = spec.death_signal};
  command.argv.insert(command.argv.end(), spec.args.begin(), spec.args.end());
  return command;
}

std::string DescribeFailure(const ChildSpec& spec, const os::StartFailure& failure) {
  const std::string program = spec.program.string();
  const std::string reason = ErrnoText(failure.error);
  switch (failure.step) {
    case Step::kPrepare:
      break;
    case Step::kBecomeUser:
      return fmt::format("cannot start {}: changing to the user {} failed: {}", program,
                         spec.user.name, reason);
    case Step::kEnterFolder:
      return fmt::format("cannot start {}: the user {} cannot enter {}: {}", program,
                         spec.user.name, spec.work_dir.string(), reason);
    case Step::kExecute:
      return fmt::format(
          "the user {} cannot run {}: {}. Check that the file and the folders above "
          "it are executable for that user.",
          spec.user.name, program, reason);
  }
  return fmt::format("cannot start {}: {}", program, reason);
}

}  // namespace

Result<os::Child> Spawn(const ChildSpec& spec) {
  auto child = os::Start(CommandOf(spec));
  if (!child) return Failure(ErrorCode::kUnavailable, DescribeFailure(spec, child.error()));
  return *std::move(child);
}

Result<os::ProcessEnd> RunToEnd(const ChildSpec& spec, std::chrono::milliseconds timeout) {
  Result<os::Child> child = Spawn(spec);
  if (!child) return tl::unexpected<Error>(child.error());
  if (const auto end = child->ReapBy(Clock::now() + timeout)) return *end;
  return Failure(ErrorCode::kUnavailable,
                 fmt::format("{} did not end within {} s and was killed", spec.program.string(),
                             timeout.count() / 1000));
}

bool CanEnter(const std::filesystem::path& folder, const ServerUser& user) {
  // No program has this name: the error shows how far a child of that user gets.
  const auto child = os::Start({.path = "",
                                .argv = {},
                                .environment = {},
                                .work_dir = folder.string(),
                                .identity = IdentityOf(user)});
  return child ||
         (child.error().step != Step::kBecomeUser && child.error().step != Step::kEnterFolder);
}

std::string ErrnoText(int error) { return std::generic_category().message(error); }

}  // namespace djps::embedded
