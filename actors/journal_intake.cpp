#include "actors/journal_intake.hpp"

#include <caf/send.hpp>
#include <iterator>
#include <utility>

namespace holdfast::actors {

void journal_intake::add(append_entry what) {
  std::unique_lock lock(mutex_);
  const bool told = what.awaited ? std::exchange(awaited_, true) : !waiting_.empty();
  waiting_.push_back(std::move(what));
  lock.unlock();
  if (told) return;
  caf::anon_send(writer_, entries_wait{});
}

void journal_intake::take(std::vector<append_entry>& to) {
  const std::lock_guard lock(mutex_);
  awaited_ = false;
  if (to.empty()) return to.swap(waiting_);
  to.insert(to.end(), std::move_iterator(waiting_.begin()), std::move_iterator(waiting_.end()));
  waiting_.clear();
}

}  // namespace holdfast::actors
