#include "server/http/request.h"

#include <sys/socket.h>

#include <cerrno>

namespace djps::server {

std::string_view HeaderOf(const HttpRequest& message, std::string_view name) {
  const auto found = message.find(name);
  return found == message.end() ? std::string_view() : std::string_view(found->value());
}

bool ClientGone(int socket) {
  char next = 0;
  const auto received = ::recv(socket, &next, sizeof(next), MSG_PEEK | MSG_DONTWAIT);
  return received == 0 || (received < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
}

}  // namespace djps::server
