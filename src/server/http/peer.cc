#include "server/http/peer.h"

#include <algorithm>

namespace djps::server {

namespace ip = boost::asio::ip;

std::string PeerOf(const ip::address& address) {
  if (address.is_v4()) return address.to_string();
  const ip::address_v6 full = address.to_v6();
  if (full.is_v4_mapped()) return ip::make_address_v4(ip::v4_mapped, full).to_string();
  auto bytes = full.to_bytes();
  std::fill(bytes.begin() + bytes.size() / 2, bytes.end(), 0);
  return ip::address_v6(bytes).to_string() + "/64";
}

}  // namespace djps::server
