#include "cli/commands/listen_options.h"

#include <fmt/format.h>

#include <map>
#include <string_view>

#include "cli/frame/options.h"
#include "core/validation.h"
#include "server/access/open_access.h"

namespace djps::cli {
namespace {

constexpr std::int64_t kPortMax = 65'535;

}  // namespace

void AddListenOptions(CLI::App& command, server::ServerConfig& config) {
  OrVariable(AddText(command, "--address", config.address, "IP",
                     "The address to listen on; 0.0.0.0 or :: for all addresses of this machine"),
             "DJPS_ADDRESS");
  OrVariable(AddInteger(command, "--port", config.port, 0, kPortMax,
                        "The port to listen on; 0 for any free port"),
             "DJPS_PORT")
      ->default_str(std::to_string(config.port));
  const std::map<std::string, server::AccessMode> modes = {{"open", server::AccessMode::kOpen},
                                                           {"token", server::AccessMode::kToken}};
  OrVariable(command
                 .add_option_function<std::string>(
                     "--auth",
                     [&config, modes](const std::string& text) {
                       const auto mode = modes.find(text);
                       if (mode == modes.end()) {
                         RefuseUsage(fmt::format("--auth must be open or token, got {}",
                                                 QuoteForMessage(text)));
                       }
                       config.access = mode->second;
                     },
                     "Who may call: open, every program on this machine; or token, callers with a "
                     "token (see `djps token create`)")
                 ->type_name("MODE")
                 ->default_str("open"),
             "DJPS_AUTH");
  command.add_flag(
      "--insecure-open-access", config.insecure_open_access,
      "Allow any --address without tokens: everyone who can connect may do everything");
  AddRepeated(command, "--allow-host", config.allowed_hosts, "HOST",
              "Without tokens: another host name or address that callers may use for this server; "
              "may be repeated")
      ->each([](const std::string& host) {
        if (server::IsHost(host)) return;
        RefuseUsage(
            fmt::format("--allow-host must be a name or an IP address without a port, got {}",
                        QuoteForMessage(host)));
      });
}

std::string ApiUrl(const std::string& address, std::uint16_t port) {
  std::string_view host = address;
  // A client cannot connect to "all addresses".
  if (host == "0.0.0.0") host = "127.0.0.1";
  if (host == "::") host = "::1";
  if (host.find(':') != std::string_view::npos) return fmt::format("http://[{}]:{}", host, port);
  return fmt::format("http://{}:{}", host, port);
}

}  // namespace djps::cli
