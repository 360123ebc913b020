// A fixed pool. One job runs at a time; the caller takes part. Threads that wait look again for
// some microseconds before they sleep, and sleep while nothing is computed. Deterministic kernels
// split work so that results never depend on the number of threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace blocksight {

class ThreadPool {
 public:
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;
  // Calls body(begin, end) over [0, count) in pieces of at most `grain`; returns when all are done.
  // Callers on several threads take turns. What a piece throws is thrown once all pieces are done,
  // the first of them; a body must not call this itself.
  void parallel_for(int64_t count, int64_t grain,
                    const std::function<void(int64_t, int64_t)>& body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace blocksight
