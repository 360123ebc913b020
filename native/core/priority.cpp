#include "priority.h"

#include <chrono>

namespace blocksight {

Priority::Foreground::Foreground(Priority& priority) : priority_(priority) {
  const std::lock_guard lock(priority_.mutex_);
  priority_.foreground_++;
}

Priority::Foreground::~Foreground() {
  {
    const std::lock_guard lock(priority_.mutex_);
    priority_.foreground_--;
  }
  priority_.changed_.notify_all();
}

void Priority::wait_for_foreground(const bs_cancel* cancel) {
  // A cancel request does not notify, so it is looked for; 20 ms is no delay that a person sees.
  constexpr std::chrono::milliseconds kLook(20);
  std::unique_lock lock(mutex_);
  while (foreground_ > 0 && !is_cancelled(cancel)) changed_.wait_for(lock, kLook);
}

}  // namespace blocksight
