// Who computes first: background reading waits, between its chunks, while anybody else computes.
#pragma once

#include <condition_variable>
#include <mutex>

#include "cancel.h"

namespace blocksight {

class Priority {
 public:
  // Lives as long as a question, or reading that somebody waits for, runs.
  class Foreground {
   public:
    explicit Foreground(Priority& priority);
    ~Foreground();
    Foreground(const Foreground&) = delete;
    Foreground& operator=(const Foreground&) = delete;

   private:
    Priority& priority_;
  };

  // Returns when nothing runs in the foreground, or when cancelled.
  void wait_for_foreground(const bs_cancel*);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int foreground_ = 0;
};

}  // namespace blocksight
