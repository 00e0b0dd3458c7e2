#include "os/unique_fd.h"

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace djps::os {
namespace {

/// The first number that is not a standard stream's.
constexpr int kFirst = 3;

UniqueFd AboveStdio(UniqueFd fd) {
  if (fd.Get() >= kFirst) return fd;
  UniqueFd moved = DuplicateAboveStdio(fd.Get());
  if (!moved) throw std::system_error(errno, std::generic_category(), "fcntl");
  return moved;
}

}  // namespace

UniqueFd DuplicateAboveStdio(int fd) { return UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, kFirst)); }

Pipe MakePipe() {
  std::array<int, 2> fds{};
  if (pipe2(fds.data(), O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "pipe2");
  }
  UniqueFd read(fds[0]);
  UniqueFd write(fds[1]);
  return {AboveStdio(std::move(read)), AboveStdio(std::move(write))};
}

}  // namespace djps::os
