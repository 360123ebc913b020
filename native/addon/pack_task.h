// A task that has a pack to itself: the C boundary refuses overlapping calls on one pack, and here
// they are refused before a thread is made.
#pragma once

#include <mutex>

#include "calls.h"
#include "task.h"

namespace blocksight::addon {

// Marks the pack as busy; false, with an error (`busy`) pending, when it already is.
inline bool take_pack(Napi::Env env, PackHandle& pack) {
  if (!pack.is_busy.exchange(true)) return true;
  napi_throw(env, error_value(env, BS_BUSY, "The pack is at work on another call."));
  return false;
}

class PackTask : public Task {
 public:
  // `pack` has been taken.
  PackTask(Napi::Env env, std::shared_ptr<PackHandle> pack) : Task(env), pack_(std::move(pack)) {}

 protected:
  virtual bs_status work(bs_error*) = 0;
  PackHandle& pack() { return *pack_; }

 private:
  // Released on the worker, before the promise settles: whoever awaits it may call again at once.
  bs_status run(bs_error* error) final {
    const struct Release {
      PackHandle& pack;
      ~Release() { pack.is_busy = false; }
    } release{*pack_};
    return work(error);
  }
  const std::shared_ptr<PackHandle> pack_;
};

}  // namespace blocksight::addon
