#include "core/trouble_log.h"

#include <utility>

namespace djps {

bool TroubleLog::Begins(const std::string& trouble, Clock::time_point now) {
  if (met_.size() >= kTextsMax && !met_.contains(trouble)) met_.clear();
  const auto [entry, fresh] = met_.try_emplace(trouble, now);
  const bool news = fresh || now - entry->second >= kForgotten;
  entry->second = now;
  said_ = said_ || news;
  return news;
}

bool TroubleLog::Ends() { return std::exchange(said_, false); }

}  // namespace djps
