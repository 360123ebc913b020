// A fixed pool. One job runs at a time; the caller takes part. Threads that wait look again for
// some microseconds before they sleep, and sleep while nothing is computed. Deterministic kernels
// split work so that results never depend on the number of threads.
//
// Jobs in the background run on threads of their own, as many again, of the lowest priority that
// the system has: the editor and every question go first, also in the middle of a chunk. Systems
// let a thread lower its priority and not raise it again, so the caller takes no part there and
// keeps its own. These threads are made at the first job of this kind.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>

namespace blocksight {

class ThreadPool {
 public:
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // What a job throws that was no longer wanted; an unknown part of it was not computed.
  struct Dropped : std::exception {
    const char* what() const noexcept override { return "The work is no longer wanted."; }
  };

  // While one lives, jobs of the thread that made it run in the background. Whoever waits for such
  // a job to end waits for threads that a busy machine lets compute rarely: so each piece asks first
  // whether the job is still wanted, and one that is not throws Dropped.
  class Background {
   public:
    explicit Background(std::function<bool()> is_wanted);
    ~Background();
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;

    bool is_wanted() const { return is_wanted_(); }

   private:
    const std::function<bool()> is_wanted_;
    const Background* const outer_;
  };

  int threads() const;
  // Calls body(begin, end) over [0, count) in pieces of at most `grain`; returns when all are done.
  // Callers on several threads take turns. What a piece throws is thrown once all pieces are done,
  // the first of them; a body must not call this itself.
  void parallel_for(int64_t count, int64_t grain,
                    const std::function<void(int64_t, int64_t)>& body);

 private:
  struct Crew;
  Crew& crew_of_caller();

  const int threads_;
  std::unique_ptr<Crew> foreground_, background_;
  std::once_flag background_made_;
};

}  // namespace blocksight
