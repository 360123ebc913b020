// A task whose result is a new handle.
#pragma once

#include "calls.h"
#include "task.h"

namespace blocksight::addon {

template <typename T>
class OpenTask : public Task {
 protected:
  Napi::Value result(Napi::Env env) override {
    return Napi::Number::New(env, table(env).add(handle_));
  }
  std::shared_ptr<T> handle_ = std::make_shared<T>();
};

}  // namespace blocksight::addon
