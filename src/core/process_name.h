#pragma once

#include <string>

namespace djps {

/// "host/pid": the default name of workers and clients.
std::string ProcessName();

}  // namespace djps
