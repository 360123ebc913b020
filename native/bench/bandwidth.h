// How fast this machine reads memory, measured beside what is judged by it.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "bench.h"
#include "buffer.h"
#include "thread_pool.h"

namespace blocksight {

// Bytes a second that the threads read together from a buffer far larger than the caches: the
// median of `repeat` passes after a first one.
inline double read_bandwidth(ThreadPool& pool, int repeat) {
  constexpr size_t kBytes = size_t{1} << 30;
  constexpr int64_t kPiece = 1 << 20;
  const cpu::Buffer buffer(kBytes);
  std::memset(buffer.as<char>(), 1, kBytes);
  std::vector<uint64_t> sums(kBytes / kPiece);
  std::vector<double> seconds;
  for (int run = 0; run <= repeat; run++) {
    const auto start = std::chrono::steady_clock::now();
    pool.parallel_for(static_cast<int64_t>(kBytes), kPiece, [&](int64_t begin, int64_t end) {
      const auto* const words = buffer.as<const uint64_t>(static_cast<size_t>(begin));
      uint64_t sum[8] = {};
      for (int64_t i = 0; i < (end - begin) / 8; i += 8) {
        for (int j = 0; j < 8; j++) sum[j] += words[i + j];
      }
      for (int j = 1; j < 8; j++) sum[0] += sum[j];
      sums[static_cast<size_t>(begin / kPiece)] = sum[0];
    });
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    if (run > 0) seconds.push_back(taken.count());
  }
  return static_cast<double>(kBytes) / median(std::move(seconds));
}

}  // namespace blocksight
