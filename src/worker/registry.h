#pragma once

#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "djps/worker.h"

namespace djps::worker {

using AnyHandler = std::variant<Handler, CoroutineHandler>;

/// Maps types of jobs to handlers.
class Registry {
 public:
  /// Throws std::invalid_argument if no job can have the type, or if it has a handler already.
  void Add(std::string type, AnyHandler handler, HandlerOptions options = {});

  struct Entry {
    AnyHandler handler;
    HandlerOptions options;
  };

  /// Null for an unknown type; a claim only returns known types.
  const Entry* Find(const std::string& type) const;

  std::vector<std::string> types() const;

 private:
  std::unordered_map<std::string, Entry> handlers_;
};

}  // namespace djps::worker
