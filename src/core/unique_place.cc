#include "core/unique_place.h"

#include <fmt/format.h>

namespace djps {

std::string PlaceTaken(Uuid holder, std::optional<JobStatus> status) {
  const std::string id = holder.ToString();
  if (!status) {
    return fmt::format("job {} had the place of this unique job and is gone now; try again", id);
  }
  if (HasEnded(*status)) {
    return fmt::format(
        "job {} is {} and has the place of this unique job: its states or its period still count "
        "it; wait for the end of the period or purge that job, then try again",
        id, StatusName(*status));
  }
  return fmt::format(
      "job {} is {} and has the place of this unique job; cancel that job or wait until it has "
      "ended, then try again",
      id, StatusName(*status));
}

}  // namespace djps
