// A flag that any thread may raise; loops look at it between steps and between prefill chunks.
#pragma once

#include <atomic>

struct bs_cancel {
  std::atomic<bool> requested{false};
};

namespace blocksight {

inline bool is_cancelled(const bs_cancel* cancel) {
  return cancel && cancel->requested.load(std::memory_order_relaxed);
}

}  // namespace blocksight
