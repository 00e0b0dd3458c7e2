#include "worker/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "core/validation.h"

namespace djps::worker {

void Registry::Add(std::string type, AnyHandler handler, HandlerOptions options) {
  if (const auto trouble = NameTrouble(type)) {
    throw std::invalid_argument(fmt::format("the type of a handler {}", *trouble));
  }
  const auto [entry, added] =
      handlers_.try_emplace(std::move(type), Entry{std::move(handler), std::move(options)});
  if (!added) {
    throw std::invalid_argument(
        fmt::format("the job type \"{}\" has a handler already", entry->first));
  }
}

const Registry::Entry* Registry::Find(const std::string& type) const {
  const auto entry = handlers_.find(type);
  return entry == handlers_.end() ? nullptr : &entry->second;
}

std::vector<std::string> Registry::types() const {
  std::vector<std::string> types;
  types.reserve(handlers_.size());
  for (const auto& [type, entry] : handlers_) types.push_back(type);
  std::sort(types.begin(), types.end());
  return types;
}

}  // namespace djps::worker
