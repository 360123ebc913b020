// The calls of the addon, by what they work on; module.cpp lists them. Types: NativeAddon in
// src/engineProcess/nativeAddon.ts.
#pragma once

#include <napi.h>

#include "handles.h"
#include "values.h"

namespace blocksight::addon {

HandleTable& table(Napi::Env);

// The handle that an argument stands for; empty, with a TypeError pending, when there is none.
template <typename T>
std::shared_ptr<T> handle(Reader& reader, const Napi::CallbackInfo& info, size_t index) {
  const uint32_t id = reader.u32(info[index], T::kKind);
  if (!reader.ok()) return nullptr;
  const auto found = table(info.Env()).find<T>(id);
  if (!found) reader.fail(T::kKind, "a handle that is open");
  return found;
}

// engine_calls.cpp
Napi::Value open_engine(const Napi::CallbackInfo&);
Napi::Value describe_engine(const Napi::CallbackInfo&);
Napi::Value clear_pages(const Napi::CallbackInfo&);
Napi::Value open_model(const Napi::CallbackInfo&);
Napi::Value describe_model(const Napi::CallbackInfo&);
Napi::Value model_tokenizer(const Napi::CallbackInfo&);
// tokenizer_calls.cpp
Napi::Value open_tokenizer(const Napi::CallbackInfo&);
Napi::Value describe_tokenizer(const Napi::CallbackInfo&);
Napi::Value encode_all(const Napi::CallbackInfo&);
Napi::Value encode(const Napi::CallbackInfo&);
// pack_calls.cpp
Napi::Value open_pack(const Napi::CallbackInfo&);
Napi::Value pack_held(const Napi::CallbackInfo&);
Napi::Value read(const Napi::CallbackInfo&);
// ask_call.cpp
Napi::Value ask(const Napi::CallbackInfo&);

}  // namespace blocksight::addon
