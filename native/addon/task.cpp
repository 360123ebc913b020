#include "task.h"

#include <exception>
#include <new>
#include <system_error>

#include "values.h"

namespace blocksight::addon {
namespace {

// Entries of the thread-safe function; only their addresses matter.
char wake_entry, done_entry;

}  // namespace

Napi::Value Task::start(Napi::Env env, std::unique_ptr<Task> task) {
  napi_value raw_promise = nullptr;
  if (napi_create_promise(env, &task->deferred_, &raw_promise) != napi_ok) return env.Undefined();
  const Napi::Value promise(env, raw_promise);
  const auto fail = [&](const char* message) {
    task->reject(env, error_value(env, BS_INTERNAL, message));
    return promise;
  };
  const napi_status made = napi_create_threadsafe_function(
      env, nullptr, nullptr, Napi::String::New(env, "blocksight"), /*max_queue_size=*/2,
      /*initial_thread_count=*/1, task.get(), on_finalize, task.get(), on_call, &task->function_);
  if (made != napi_ok) return fail("The engine's call could not be prepared.");
  try {
    task->thread_ = std::thread([raw = task.get()] { raw->work(); });
  } catch (const std::system_error&) {
    const Napi::Value failed = fail("The system has no thread left for the engine's work.");
    napi_release_threadsafe_function(task->function_, napi_tsfn_abort);
    static_cast<void>(task.release());  // the finalizer deletes it
    return failed;
  }
  static_cast<void>(task.release());
  return promise;
}

void Task::work() {
  try {
    status_ = run(&error_);
  } catch (const std::bad_alloc&) {
    status_ = BS_OUT_OF_MEMORY;
    copy_message("There is not enough memory for the engine's work.", &error_);
  } catch (const std::exception& error) {
    status_ = BS_INTERNAL;
    copy_message(error.what(), &error_);
  }
  if (is_closing_) return;
  if (napi_call_threadsafe_function(function_, &done_entry, napi_tsfn_blocking) == napi_ok) {
    napi_release_threadsafe_function(function_, napi_tsfn_release);
  }
}

bool Task::wake() {
  if (is_closing_) return false;
  if (is_wake_pending_.exchange(true)) return true;
  if (napi_call_threadsafe_function(function_, &wake_entry, napi_tsfn_blocking) == napi_ok) {
    return true;
  }
  is_closing_ = true;
  return false;
}

void Task::on_call(napi_env raw_env, napi_value, void* context, void* data) {
  if (raw_env == nullptr) return;  // the environment is ending; nobody waits any more
  Task& task = *static_cast<Task*>(context);
  const Napi::Env env(raw_env);
  task.is_wake_pending_ = false;
  task.deliver(env);
  if (data == &done_entry) task.settle(env);
}

void Task::check_callback(Napi::Env env) {
  if (!env.IsExceptionPending()) return;
  callback_error_ = env.GetAndClearPendingException();
  cancel();
}

void Task::settle(Napi::Env env) {
  is_settled_ = true;
  if (!callback_error_.IsEmpty()) {
    reject(env, callback_error_.Value());
    return;
  }
  if (status_ != BS_OK) {
    reject(env, error_value(env, status_, error_.message));
    return;
  }
  const Napi::Value value = result(env);
  // A value that could not be made (out of JavaScript memory) left an exception behind.
  if (env.IsExceptionPending()) {
    reject(env, env.GetAndClearPendingException().Value());
  } else {
    resolve(env, value);
  }
}

void Task::on_finalize(napi_env, void* data, void*) {
  const std::unique_ptr<Task> task(static_cast<Task*>(data));
  if (!task->thread_.joinable()) return;
  if (!task->is_settled_) task->cancel();
  task->thread_.join();
}

}  // namespace blocksight::addon
