#pragma once

#include <boost/asio/ip/address.hpp>
#include <string>

namespace djps::server {

/// Whom a connection comes from, as far as its address tells: the IPv4 address, or the network of
/// 64 bits of an IPv6 one, all of whose addresses one machine may use.
std::string PeerOf(const boost::asio::ip::address& address);

}  // namespace djps::server
