#include "cli/listen_options.h"

#include <fmt/format.h>

#include <string_view>

#include "cli/options.h"

namespace djps::cli {
namespace {

constexpr std::int64_t kPortMax = 65'535;

}  // namespace

void AddListenOptions(CLI::App& command, server::ServerConfig& config) {
  OrVariable(AddText(command, "--address", config.address, "IP",
                     "The address to listen on; 0.0.0.0 or :: for all of this machine's"),
             "DJPS_ADDRESS");
  OrVariable(AddInteger(command, "--port", config.port, 0, kPortMax,
                        "The port to listen on; 0 for any free one"),
             "DJPS_PORT")
      ->default_str(std::to_string(config.port));
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
