// The addon's entry: one handle table per environment, so that it loads in workers too.
#include <napi.h>

#ifdef __linux__
#include <sys/prctl.h>

#include <csignal>
#endif

#include "calls.h"

namespace blocksight::addon {

HandleTable& table(Napi::Env env) { return *env.GetInstanceData<HandleTable>(); }

namespace {

// Closing what is in use is safe: the work keeps it. Closing twice is a caller's mistake.
Napi::Value close(const Napi::CallbackInfo& info) {
  Reader reader(info);
  const uint32_t id = reader.u32(info[0], "handle");
  if (reader.ok() && !table(info.Env()).remove(id)) reader.fail("handle", "a handle that is open");
  return info.Env().Undefined();
}

Napi::Value create_cancel(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), table(info.Env()).add(std::make_shared<CancelHandle>()));
}

Napi::Value request_cancel(const Napi::CallbackInfo& info) {
  Reader reader(info);
  const auto cancel = handle<CancelHandle>(reader, info, 0);
  if (cancel) bs_cancel_request(cancel->cancel);
  return info.Env().Undefined();
}

// The kernel ends this process when its parent dies, whatever it is doing. False where the system
// has no such thing; there the closed channel is the only sign.
Napi::Value die_with_parent(const Napi::CallbackInfo& info) {
#ifdef __linux__
  return Napi::Boolean::New(info.Env(), prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
#else
  return Napi::Boolean::New(info.Env(), false);
#endif
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new HandleTable());
  const auto add = [&](const char* name, Napi::Value (*call)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, call, name));
  };
  add("openEngine", open_engine);
  add("describeEngine", describe_engine);
  add("clearPages", clear_pages);
  add("openTokenizer", open_tokenizer);
  add("describeTokenizer", describe_tokenizer);
  add("encodeAll", encode_all);
  add("encode", encode);
  add("openModel", open_model);
  add("describeModel", describe_model);
  add("modelTokenizer", model_tokenizer);
  add("openPack", open_pack);
  add("packHeld", pack_held);
  add("read", read);
  add("ask", ask);
  add("createCancel", create_cancel);
  add("requestCancel", request_cancel);
  add("close", close);
  add("dieWithParent", die_with_parent);
  return exports;
}

}  // namespace

NODE_API_MODULE(blocksight, init)

}  // namespace blocksight::addon
