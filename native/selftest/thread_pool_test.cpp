#include "thread_pool.h"

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "check.h"

namespace blocksight {
namespace {

TEST("a thread pool runs every index once, whatever the count and the grain") {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    for (const int64_t count : {0, 1, 2, 7, 64, 1000}) {
      for (const int64_t grain : {1, 3, 64, 2000}) {
        std::vector<std::atomic<int>> seen(static_cast<size_t>(count));
        pool.parallel_for(count, grain, [&](int64_t begin, int64_t end) {
          CHECK(end - begin <= grain);
          for (int64_t i = begin; i < end; i++) seen[static_cast<size_t>(i)]++;
        });
        for (const auto& times : seen) CHECK_EQ(times.load(), 1);
      }
    }
  }
}

TEST("a thread pool keeps the jobs of several callers apart") {
  ThreadPool pool(3);
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int caller = 0; caller < 4; caller++) {
    callers.emplace_back([&, caller] {
      for (int job = 0; job < 500; job++) {
        std::vector<int> mine(static_cast<size_t>(1 + (job + caller) % 9));
        pool.parallel_for(static_cast<int64_t>(mine.size()), 1, [&](int64_t begin, int64_t) {
          mine[static_cast<size_t>(begin)] += job + caller;
        });
        for (const int x : mine) wrong += x != job + caller;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK_EQ(wrong.load(), 0);
}

TEST("a thread pool wakes from sleep for the next job") {
  ThreadPool pool(3);
  for (int round = 0; round < 5; round++) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::atomic<int64_t> total{0};
    pool.parallel_for(100, 1, [&](int64_t begin, int64_t) { total += begin; });
    CHECK_EQ(total.load(), int64_t{4950});
  }
}

TEST("a thread pool throws what a piece threw, after all pieces, and goes on") {
  ThreadPool pool(3);
  std::atomic<int> ran{0};
  bool thrown = false;
  try {
    pool.parallel_for(50, 1, [&](int64_t begin, int64_t) {
      ran++;
      if (begin == 7) throw std::runtime_error("seven");
    });
  } catch (const std::runtime_error& error) {
    thrown = std::string(error.what()) == "seven";
  }
  CHECK(thrown);
  CHECK_EQ(ran.load(), 50);
  pool.parallel_for(8, 1, [&](int64_t, int64_t) { ran++; });
  CHECK_EQ(ran.load(), 58);
}

TEST("a thread pool finishes a job while one in the background is in the middle of its own") {
  ThreadPool pool(2);
  std::atomic<bool> is_begun{false}, may_end{false};
  std::thread background([&] {
    const ThreadPool::Background in_background([] { return true; });
    pool.parallel_for(8, 1, [&](int64_t, int64_t) {
      is_begun = true;
      while (!may_end) std::this_thread::yield();
    });
  });
  while (!is_begun) std::this_thread::yield();
  std::atomic<int> ran{0};
  pool.parallel_for(8, 1, [&](int64_t, int64_t) { ran++; });  // would wait forever for its turn
  CHECK_EQ(ran.load(), 8);
  may_end = true;
  background.join();
}

TEST("a thread pool drops what is left of a job in the background once it is not wanted") {
  ThreadPool pool(2);
  std::atomic<bool> is_wanted{true}, is_dropped{false};
  std::atomic<int> ran{0};
  {
    const ThreadPool::Background in_background([&] { return is_wanted.load(); });
    try {
      pool.parallel_for(1000, 1, [&](int64_t, int64_t) {
        ran++;
        is_wanted = false;
      });
    } catch (const ThreadPool::Dropped&) {
      is_dropped = true;
    }
  }
  CHECK(is_dropped.load());
  CHECK(ran.load() <= 2);  // one that each thread was at
  pool.parallel_for(10, 1, [&](int64_t, int64_t) { ran = 100; });
  CHECK_EQ(ran.load(), 100);
}

#if defined(__linux__)
TEST("a thread pool gives work in the background the lowest priority, and no other thread") {
  const auto nice_value = [] {
    return getpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)));
  };
  const int own = nice_value();
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    std::atomic<int> lowest{0}, others{0};
    {
      const ThreadPool::Background in_background([] { return true; });
      pool.parallel_for(50, 1, [&](int64_t, int64_t) { lowest += nice_value() == 19; });
    }
    pool.parallel_for(50, 1, [&](int64_t, int64_t) { others += nice_value() == own; });
    CHECK_EQ(lowest.load(), 50);
    CHECK_EQ(others.load(), 50);
    CHECK_EQ(nice_value(), own);
  }
}
#endif

}  // namespace
}  // namespace blocksight
