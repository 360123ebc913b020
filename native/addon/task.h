// One call that works on a thread of its own and settles one promise.
//
// The thread reaches JavaScript through a thread-safe function that never holds more than two
// entries, one "look at what I have" and one "I am done"; what it has to hand over waits in the
// task, which bounds it. The thread is joined in the function's finalizer: Node calls it after
// "done", and also when the environment ends in the middle of the work. There it cancels first, so
// that joining takes one step or one prefill chunk, and no thread outlives its environment.
#pragma once

#include <napi.h>

#include <atomic>
#include <memory>
#include <thread>

#include "blocksight.h"

namespace blocksight::addon {

class Task {
 public:
  virtual ~Task() = default;

  // Starts the work; returns its promise, or rejects it when no thread can be made. Undefined in an
  // environment that is ending, where no promise can be made either.
  static Napi::Value start(Napi::Env, std::unique_ptr<Task>);

 protected:
  Task() = default;

  // On the worker thread; touches no JavaScript.
  virtual bs_status run(bs_error*) = 0;
  // On the JavaScript thread, after `run` returned BS_OK: what the promise resolves to.
  virtual Napi::Value result(Napi::Env) = 0;
  // On the JavaScript thread, after `wake` and before the promise settles.
  virtual void deliver(Napi::Env) {}
  // On the JavaScript thread, when nobody wants the result any more: makes `run` return soon.
  virtual void cancel() {}

  // On the JavaScript thread, in `deliver`: what the callback threw ends the work and rejects its
  // promise.
  void check_callback(Napi::Env);

  // From the worker thread: `deliver` is called soon. False once the environment is ending.
  bool wake();

 private:
  static void on_call(napi_env, napi_value, void* context, void* data);
  static void on_finalize(napi_env, void* data, void* context);
  void work();
  void settle(Napi::Env);
  // Fails only where the environment is ending and nobody waits.
  void resolve(Napi::Env env, napi_value value) { napi_resolve_deferred(env, deferred_, value); }
  void reject(Napi::Env env, napi_value error) { napi_reject_deferred(env, deferred_, error); }

  napi_deferred deferred_ = nullptr;
  Napi::Error callback_error_;
  napi_threadsafe_function function_ = nullptr;
  std::thread thread_;
  std::atomic<bool> is_wake_pending_{false};
  bool is_settled_ = false;  // JavaScript thread only
  bool is_closing_ = false;  // worker thread only: the function must not be used any more
  bs_status status_ = BS_OK;
  bs_error error_{};
};

}  // namespace blocksight::addon
