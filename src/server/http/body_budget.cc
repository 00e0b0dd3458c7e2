#include "server/http/body_budget.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace djps::server {

BodyBudget::Place::Place(std::shared_ptr<BodyBudget> budget, std::string owner,
                         std::function<void()> drop)
    : budget_(std::move(budget)),
      owner_(std::move(owner)),
      drop_(std::move(drop)),
      coming_(budget_->coming_.insert(budget_->coming_.end(), this)) {}

BodyBudget::Place::~Place() {
  Complete();
  budget_->Count(*this, 0);
}

void BodyBudget::Place::Complete() {
  if (!std::exchange(complete_, true)) budget_->coming_.erase(coming_);
}

bool BodyBudget::Place::Grow(std::size_t bytes) {
  while (!budget_->Fits(*this, bytes)) {
    if (!budget_->DropSlower(*this, bytes)) return false;
  }
  budget_->Count(*this, bytes);
  bytes_ = bytes;
  return true;
}

double BodyBudget::Place::Pace(std::size_t bytes, Clock::time_point now) const {
  const std::chrono::duration<double> age = now - began_;
  if (age < budget_->limits_.slow_after) return std::numeric_limits<double>::infinity();
  return static_cast<double>(bytes) / std::max(age.count(), 1e-9);
}

bool BodyBudget::WithinShare(const Place& place, std::size_t bytes) const {
  const auto owned = by_owner_.find(place.owner_);
  const std::size_t others = owned == by_owner_.end() ? 0 : owned->second - place.bytes_;
  return others == 0 || others + bytes <= limits_.share;
}

bool BodyBudget::Fits(const Place& place, std::size_t bytes) const {
  const std::size_t others = total_ - place.bytes_;
  return WithinShare(place, bytes) && (others == 0 || others + bytes <= limits_.total);
}

bool BodyBudget::DropSlower(const Place& place, std::size_t bytes) {
  const auto now = Clock::now();
  const bool own_share = !WithinShare(place, bytes);
  Place* slowest = nullptr;
  double least = place.Pace(bytes, now);
  for (Place* const other : coming_) {
    if (other == &place || other->bytes_ == 0) continue;
    if (own_share && other->owner_ != place.owner_) continue;
    const double pace = other->Pace(other->bytes_, now);
    if (pace >= least) continue;
    slowest = other;
    least = pace;
  }
  if (slowest == nullptr) return false;
  slowest->Complete();
  Count(*slowest, 0);
  slowest->bytes_ = 0;
  slowest->drop_();
  return true;
}

void BodyBudget::Count(const Place& place, std::size_t bytes) {
  if (bytes == place.bytes_) return;
  total_ = total_ - place.bytes_ + bytes;
  std::size_t& owned = by_owner_[place.owner_];
  owned = owned - place.bytes_ + bytes;
  if (owned == 0) by_owner_.erase(place.owner_);
}

}  // namespace djps::server
