#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <string>

#include "server/config.h"

namespace djps::cli {

/// --address, --port, --auth, --insecure-open-access and --allow-host.
void AddListenOptions(CLI::App& command, server::ServerConfig& config);

/// Where a client on this machine finds a server: "http://127.0.0.1:3000".
std::string ApiUrl(const std::string& address, std::uint16_t port);

}  // namespace djps::cli
