#pragma once

#include <string>

namespace djps {

/// "host/pid": how workers and clients call themselves when nobody names them.
std::string ProcessName();

}  // namespace djps
