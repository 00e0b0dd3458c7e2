#pragma once

#include <boost/asio/ip/address.hpp>
#include <string>

namespace djps::server {

/// Identifies the client of a connection: its IPv4 address, or the /64 network of its IPv6 address,
/// since one machine may use all addresses of that network.
std::string PeerOf(const boost::asio::ip::address& address);

}  // namespace djps::server
