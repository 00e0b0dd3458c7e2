#pragma once

#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "djps/worker.h"

namespace djps::worker {

using AnyHandler = std::variant<Handler, CoroutineHandler>;

/// Which handler runs which type of job.
class Registry {
 public:
  /// Throws std::invalid_argument for a type that no job can have, or that has a handler already.
  void Add(std::string type, AnyHandler handler, HandlerOptions options = {});

  struct Entry {
    AnyHandler handler;
    HandlerOptions options;
  };

  /// Null when the type is not known: a claim only brings known types.
  const Entry* Find(const std::string& type) const;

  std::vector<std::string> types() const;

 private:
  std::unordered_map<std::string, Entry> handlers_;
};

}  // namespace djps::worker
