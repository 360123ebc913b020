#include "thread_pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__APPLE__)
#include <pthread.h>
#elif defined(_WIN32)
#include <windows.h>
#endif

namespace blocksight {

namespace {

// A layer has some ten jobs, each of some microseconds to milliseconds, and waking a thread takes
// fifty: whoever waits looks again for about as long before it sleeps.
constexpr auto kPatience = std::chrono::microseconds(60);

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

// Looks until `is_ready` or patience runs out; whether it was ready.
template <typename Test>
bool spin(const Test& is_ready) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    for (int i = 0; i < 64; i++) {
      if (is_ready()) return true;
      pause();
    }
    if (std::chrono::steady_clock::now() > until) return is_ready();
  }
}

thread_local const ThreadPool::Background* background_of_caller = nullptr;

// Where the system refuses, the thread works on at the priority that it has.
void take_lowest_priority() {
#if defined(__linux__)
  // Linux's nice value is one thread's own.
  static_cast<void>(setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), 19));
#elif defined(__APPLE__)
  static_cast<void>(pthread_set_qos_class_self_np(QOS_CLASS_BACKGROUND, 0));
#elif defined(_WIN32)
  static_cast<void>(SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_LOWEST));
#endif
}

}  // namespace

// The threads of one priority, and the job that they are at.
struct ThreadPool::Crew {
  explicit Crew(bool takes_part) : caller_takes_part(takes_part) {}

  ~Crew() {
    {
      const std::lock_guard lock(mutex);
      stopping.store(true);
    }
    wake.notify_all();
    for (std::thread& worker : workers) worker.join();
  }

  const bool caller_takes_part;
  std::mutex turn;  // held by the caller whose job runs
  std::vector<std::thread> workers;

  // Pieces left in the low half, the job's number in the high one. Whoever takes one off holds the
  // job open until it has finished the piece, so the fields below are stable while it works; a
  // worker that comes late finds zero, whatever job is being written.
  std::atomic<uint64_t> left{0};
  const std::function<void(int64_t, int64_t)>* body = nullptr;
  const Background* background = nullptr;  // null in the foreground
  int64_t count = 0, grain = 1, pieces = 0;
  std::atomic<int64_t> finished{0};
  std::mutex failure_mutex;
  std::exception_ptr failure;  // the first

  std::mutex mutex;
  std::condition_variable wake, done;
  std::atomic<int> sleeping{0};
  std::atomic<bool> caller_sleeps{false}, stopping{false};

  static bool has_pieces(uint64_t value) { return static_cast<uint32_t>(value) != 0; }

  void take_pieces() {
    uint64_t value = left.load(std::memory_order_acquire);
    while (has_pieces(value)) {
      if (!left.compare_exchange_weak(value, value - 1, std::memory_order_acq_rel)) continue;
      const int64_t begin = (pieces - static_cast<uint32_t>(value)) * grain;
      try {
        if (background && !background->is_wanted()) throw Dropped();
        (*body)(begin, std::min(count, begin + grain));
      } catch (...) {
        const std::lock_guard lock(failure_mutex);
        if (!failure) failure = std::current_exception();
      }
      const int64_t all = pieces;  // the job may be over after the next line
      if (finished.fetch_add(1) + 1 == all && caller_sleeps.load()) {
        const std::lock_guard lock(mutex);
        done.notify_one();
      }
      value = left.load(std::memory_order_acquire);
    }
  }

  void work() {
    const auto has_work = [this] { return has_pieces(left.load()) || stopping.load(); };
    while (!stopping.load()) {
      if (!spin(has_work)) {
        std::unique_lock lock(mutex);
        sleeping++;
        wake.wait(lock, has_work);
        sleeping--;
      }
      take_pieces();
    }
  }

  void run(const std::function<void(int64_t, int64_t)>& job, int64_t of_count, int64_t of_grain) {
    body = &job;
    background = background_of_caller;
    count = of_count;
    grain = of_grain;
    pieces = (count + grain - 1) / grain;
    failure = nullptr;
    finished.store(0);
    const uint64_t number = (left.load() >> 32) + 1;
    left.store(number << 32 | static_cast<uint32_t>(pieces));
    if (sleeping.load()) {
      const std::lock_guard lock(mutex);
      wake.notify_all();
    }
    if (caller_takes_part) take_pieces();
    const auto is_done = [this] { return finished.load() == pieces; };
    if (!spin(is_done)) {
      std::unique_lock lock(mutex);
      caller_sleeps.store(true);
      done.wait(lock, is_done);
      caller_sleeps.store(false);
    }
  }
};

ThreadPool::ThreadPool(int threads)
    : threads_(std::max(threads, 1)), foreground_(std::make_unique<Crew>(true)) {
  for (int i = 1; i < threads_; i++) {
    foreground_->workers.emplace_back([crew = foreground_.get()] { crew->work(); });
  }
}

ThreadPool::~ThreadPool() = default;

ThreadPool::Background::Background(std::function<bool()> is_wanted)
    : is_wanted_(std::move(is_wanted)), outer_(background_of_caller) {
  background_of_caller = this;
}

ThreadPool::Background::~Background() { background_of_caller = outer_; }

int ThreadPool::threads() const { return threads_; }

ThreadPool::Crew& ThreadPool::crew_of_caller() {
  if (!background_of_caller) return *foreground_;
  std::call_once(background_made_, [this] {
    auto crew = std::make_unique<Crew>(false);
    for (int i = 0; i < threads_; i++) {
      crew->workers.emplace_back([at = crew.get()] {
        take_lowest_priority();
        at->work();
      });
    }
    background_ = std::move(crew);
  });
  return *background_;
}

void ThreadPool::parallel_for(int64_t count, int64_t grain,
                              const std::function<void(int64_t, int64_t)>& body) {
  if (count <= 0) return;
  // Pieces are counted in 32 bits.
  grain = std::max({grain, int64_t{1}, count / UINT32_MAX + 1});
  Crew& crew = crew_of_caller();
  if (crew.workers.empty() || (count <= grain && crew.caller_takes_part)) {
    for (int64_t begin = 0; begin < count; begin += grain) {
      body(begin, std::min(count, begin + grain));
    }
    return;
  }
  const std::lock_guard turn(crew.turn);
  crew.run(body, count, grain);
  if (crew.failure) std::rethrow_exception(crew.failure);
}

}  // namespace blocksight
