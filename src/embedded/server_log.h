#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "djps/result.h"
#include "embedded/server_user.h"
#include "os/unique_fd.h"

namespace djps::embedded {

/// postgres.log: the output of initdb and the server. Remembers where this run's output begins.
class ServerLog {
 public:
  /// Opens the log for appending; one that has grown over 10 MB becomes postgres.log.1 first.
  static Result<ServerLog> Open(const std::filesystem::path& data_dir, const ServerUser& user);

  int fd() const { return fd_.Get(); }

  /// Everything printed since Open (the last kBytesMax of it).
  std::string Text() const;

  /// The last lines since Open, after the path of the file; for the end of an error message.
  std::string LastLines() const;

 private:
  ServerLog(std::filesystem::path path, os::UniqueFd fd, off_t start);

  std::filesystem::path path_;
  os::UniqueFd fd_;
  off_t start_ = 0;
};

}  // namespace djps::embedded
